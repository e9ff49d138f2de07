"""The commands that run something, taken from the parsers."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

__all__ = ["leaf_parsers"]


def leaf_parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """The parsers that run something: a command without sub-commands, or a sub-command."""
    groups = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    if not groups:
        yield parser
    for group in groups:
        for below in group.choices.values():
            yield from leaf_parsers(below)

"""Shell completion, from the parsers and the data.

argcomplete runs the command itself with its own variables set; nothing here is
imported otherwise.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, Final

from argcomplete.completers import FilesCompleter

from xenexplore.cli.leaves import leaf_parsers
from xenexplore.errors import XenexploreError

__all__ = ["attach"]

Completer = Callable[..., list[str]]


def attach(parser: argparse.ArgumentParser) -> None:
    """Give every argument that names one of our things a completer; others complete files."""
    for leaf in leaf_parsers(parser):
        for action in leaf._actions:
            command = leaf.prog.split()[1:2]
            completer = _COMPLETERS.get((*command, action.dest)) or _COMPLETERS.get((action.dest,))
            if completer is not None:
                action.completer = completer  # type: ignore[attr-defined]


def _files(prefix: str, *endings: str) -> list[str]:
    return list(FilesCompleter(allowednames=endings)(prefix))


def _scenarios(prefix: str, **_: Any) -> list[str]:
    from xenexplore.scenario.library.builtin import builtin_names

    return [*builtin_names(), *_files(prefix, "toml", "eml", "mbox")]


def _recordings(prefix: str, **_: Any) -> list[str]:
    from xenexplore.recording.format.stream import BUILT_INS

    return [*BUILT_INS, *_files(prefix, "jsonl", "zst")]


def _labels(parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    """Labels of the scenario that is already there, and options by name."""
    from xenexplore.mail.source import find_scenario
    from xenexplore.options.registry import OPTIONS
    from xenexplore.scenario.run.runner import options_of

    scenario = getattr(parsed_args, "scenario", None)
    labels: list[str] = []
    if scenario and not scenario.startswith("-"):
        try:
            labels = [option.label for option in options_of(find_scenario(scenario))]
        except (XenexploreError, OSError):
            labels = []  # a file that is not written yet
    return list(dict.fromkeys([*labels, *OPTIONS]))


def _designs(**_: Any) -> list[str]:
    from xenexplore.analysis.replay.design import DESIGNS

    return [what.label for what in DESIGNS]


def _options(**_: Any) -> list[str]:
    from xenexplore.options.registry import known_designs

    known = known_designs().values()
    return [*(option.name for option in known), *(option.ident for option in known)]


def _hypercalls(parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    """Hypercalls, and behind one of them its sub-ops."""
    from xenexplore.hypercalls.catalogue.entries import families

    words = getattr(parsed_args, "words", None) or []
    named = {one.name: one for one in families()}
    named |= {alias: one for one in families() for alias in one.aliases}
    if not words:
        return list(named)
    one = named.get(words[0])
    return [] if one is None or len(words) > 1 else [op.name for op in one.ops.values()]


_COMPLETERS: Final[dict[tuple[str, ...], Completer]] = {
    ("scenario",): _scenarios,
    ("scenarios",): _scenarios,
    ("recording",): _recordings,
    ("recordings",): _recordings,
    ("file",): _recordings,
    ("option",): _labels,
    ("replay", "option"): _designs,
    ("options", "name"): _options,
    ("hypercall", "words"): _hypercalls,
}

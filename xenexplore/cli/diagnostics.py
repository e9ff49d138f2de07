"""Lines on standard error: a message that cannot be written does not change the exit status."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TextIO

__all__ = ["forget", "tell"]


def tell(text: str) -> None:
    """One line on standard error, or nothing where it is closed or full."""
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        forget(sys.stderr)


def forget(stream: TextIO) -> None:
    """Drop what a stream could not write.

    Otherwise the interpreter tries once more while it shuts down, complains, and
    ends with status 120 (Python 3.11.2 does so for standard error, 3.11.7 does not).
    """
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())

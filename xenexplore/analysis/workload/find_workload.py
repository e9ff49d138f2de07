"""A workload as the command line names it: a recording, a built-in, or a synthetic one."""

from __future__ import annotations

import difflib
from dataclasses import fields
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from xenexplore.analysis.workload.synthetic import Assumptions, synthetic
from xenexplore.analysis.workload.tables import Workload, read_workload
from xenexplore.errors import InputError
from xenexplore.guest.layout.symbols import SymbolTable, read_kallsyms
from xenexplore.memory.p2m import P2M_ORDERS
from xenexplore.recording.format.stream import WITH_SYMBOLS, built_in_path

__all__ = ["find_symbols", "find_workload", "p2m_order"]

"""Page sizes of the P2M: log2 of the frames of one entry."""


def p2m_order(size: str) -> int:
    """A page size of the P2M as log2 of its frames.

    Raises:
        InputError: there is no such page size.

    >>> p2m_order("2M")
    9
    """
    if size not in P2M_ORDERS:
        expected = f"one of {', '.join(P2M_ORDERS)}"
        raise InputError("p2m", "", expected=expected, got=repr(size))
    return P2M_ORDERS[size]


def find_symbols(
    recording: str, symbols: str | PathLike[str] | None = None, *, limit: int | None = None
) -> SymbolTable | None:
    """A guest kernel's symbols: as given, or those that come with most built-in recordings.

    Args:
        recording: its file or name.
        symbols: the guest kernel's ``/proc/kallsyms``.
        limit: most bytes of it to read.

    Raises:
        InputError: the file is not such a list.
        OSError: it cannot be read.
    """
    if symbols:
        return read_kallsyms(fspath(symbols), limit=limit)
    if recording in WITH_SYMBOLS and not Path(recording).exists():
        return read_kallsyms(built_in_path("kallsyms.dom0"))
    return None


def find_workload(
    recording: str | PathLike[str],
    symbols: str | PathLike[str] | None = None,
    *,
    limit: int | None = None,
) -> Workload:
    """A recording as a workload, read in chunks; or a synthetic one.

    Args:
        recording: a file, a built-in's name, or ``"synthetic"`` with assumptions
            (``"synthetic:vcpus=256:tasks=1000"``): generated, not recorded.
        symbols: the guest kernel's ``/proc/kallsyms``; built-in recordings have their own.
        limit: maximum bytes of a recording's text.

    Raises:
        InputError: there is no such assumption, or its value is invalid.
        RecordingError: the recording is damaged, or larger than the limit.
        OSError: it cannot be read.

    >>> len(find_workload("synthetic:calls=50:tasks=2").calls)
    50
    """
    word = fspath(recording)
    if word.split(":")[0] == "synthetic" and not Path(word).exists():
        return _synthetic(word)
    return read_workload(word, find_symbols(word, symbols, limit=limit), limit=limit)


def _synthetic(text: str) -> Workload:
    """``synthetic:vcpus=256:tasks=1000``: a synthetic workload under these assumptions."""
    kinds: dict[str, type[Any]] = {item.name: type(item.default) for item in fields(Assumptions)}
    values: dict[str, Any] = {}
    for setting in text.split(":")[1:]:
        name, _, number = setting.partition("=")
        if name not in kinds:
            near = difflib.get_close_matches(name, kinds, n=1)
            raise InputError(text, repr(name), expected=f"one of {', '.join(kinds)}",
                             got="no such assumption",
                             hint=f"did you mean {near[0]!r}?" if near else "")  # fmt: skip
        try:
            values[name] = kinds[name](number)
        except ValueError:
            what = "a whole number" if kinds[name] is int else "a number"
            raise InputError(text, name, expected=what, got=repr(number)) from None
    return synthetic(Assumptions(**values))

"""A sheet: what an object at the prompt shows of itself, before it is text or HTML."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Sheet", "SheetTable", "plural"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetTable:
    """A table of a sheet.

    Attributes:
        head: the columns' names.
        rows: cells as text, as many as ``head`` has.
        align: for each column ``l`` (left), ``r`` (right), or ``k``: left, and never cut.
        caption: what it shows, or ``""``.
        bad: rows, from 0, that show something wrong: they say so in a cell, too.
        keys: of each row what it is about, as linked views share it (``"buf:send gfn:1c3b3"``);
            ``()`` where no view does.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    align: str
    caption: str = ""
    bad: frozenset[int] = frozenset()
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """Contents of an object's display.

    Attributes:
        title: one line.
        facts: label and text.
        tables: in order.
        notes: sentences at the end.
    """

    title: str
    facts: tuple[tuple[str, str], ...] = ()
    tables: tuple[SheetTable, ...] = ()
    notes: tuple[str, ...] = ()


def plural(count: int, noun: str, many: str = "") -> str:
    """A number with its noun: ``1 entry``, ``3 entries``."""
    return f"{count:,} {noun if count == 1 else many or noun + 's'}"

"""An address space as text: a line per run, repetitions folded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from xenexplore.errors import ImageError
from xenexplore.paging.batch.address_space import AddressSpace
from xenexplore.paging.batch.hidden import Hidden
from xenexplore.paging.batch.page_runs import PageRun, PageRuns
from xenexplore.paging.batch.table_arrays import KEY_MASK
from xenexplore.render.text.image import amount_text, size_text, target_text
from xenexplore.render.text.table import grouped, paragraph

__all__ = ["address_space_lines", "address_space_text", "runs_text"]

# Fewer alike runs in a row are clearer printed than counted.
_MIN_FOLDED = 4
_MOST_HIDDEN = 4


class _Fold(NamedTuple):
    """Runs from position ``first``, ``times`` of them, alike and ``stride`` bytes apart."""

    first: int
    times: int
    stride: int


def address_space_text(space: AddressSpace, *, fold: bool = True) -> str:
    """The image's headline, all runs of the address space, and what is missing from it."""
    return "".join(address_space_lines(space, fold=fold))


def address_space_lines(space: AddressSpace, *, fold: bool = True) -> Iterator[str]:
    """The same, piece by piece, each ending in a newline."""
    word = space.target.space.value
    yield f"{target_text(space.target)}\n"
    yield from runs_text(space.runs, physical=space.physical, fold=fold, space=word)
    yield from _keyed(space)
    yield from _hidden(list(space.missing()))
    for error in space.damage:
        yield "\n".join(paragraph(f"Damage: {error}", 0, 2)) + "\n"


def runs_text(
    runs: PageRuns, *, physical: bool = False, fold: bool = True, space: str = "gpa"
) -> Iterator[str]:
    """The runs at 72 columns, ASCII, line by line with newlines, and a sum at the end.

    Args:
        runs: the runs.
        physical: whether to show each run's place in memory; runs are then
            folded only if these places too are at equal distances.
        fold: whether runs that repeat at equal distances become two lines.
        space: what an address in memory is called: ``gpa`` or ``maddr``.
    """
    if not len(runs):
        yield "Nothing is mapped.\n"
        return
    places = f"  {space:>13}" if physical else ""
    yield f"{'start':<16}  {'end':<17} {'size':>8}  page  rwxu{places}".rstrip() + "\n"
    keys = bool(np.any(runs.table["rights"] & np.uint16(KEY_MASK)))
    at = 0
    for one in [*(_folds(runs, physical=physical) if fold else ()), _Fold(len(runs), 0, 0)]:
        for index in range(at, min(one.first + 1, len(runs))):
            yield _line(runs[index], physical=physical, keys=keys)
        at = one.first + one.times
        if one.times:
            last = runs[at - 1]
            more = f"{grouped(one.times - 1)} more like it, {size_text(one.stride)} apart"
            more += f", to {last.end:x}"
            if physical:
                more += _places(last.gpa - runs[at - 2].gpa, space)
            yield "\n".join(paragraph(f"... {more}", 2, 4)) + "\n"
    total = amount_text(runs.mapped_bytes)
    yield f"\n{grouped(len(runs))} run{'s' if len(runs) > 1 else ''}, {total} mapped\n"


def _keyed(space: AddressSpace) -> Iterator[str]:
    """Rights that protection keys take away from those listed."""
    open_keys, denied = space.keys_in_question(), space.denied_keys()
    if open_keys:
        text = (
            f"User pages with {_keys(open_keys)}: whether PKRU denies data accesses is unknown "
            "(Linux's default denies them); set it with --pkru"
        )
        yield "\n".join(paragraph(text, 0, 2)) + "\n"
    if denied:
        pkru = f"{space.target.state.pkru:08x}"
        text = f"User pages with {_keys(denied)}: PKRU {pkru} denies data accesses"
        yield "\n".join(paragraph(text, 0, 2)) + "\n"


def _keys(keys: Sequence[int]) -> str:
    return f"protection key{'s' if len(keys) > 1 else ''} {', '.join(map(str, keys))}"


def _hidden(errors: Sequence[tuple[ImageError, Hidden]]) -> Iterator[str]:
    """Memory missing from the tables: the first of each, and how much they hide together."""
    if not errors:
        return
    size = amount_text(sum(part.size for _, part in errors))
    count = grouped(len(errors))
    tables = "table" if len(errors) == 1 else "tables"
    yield f"\nIncomplete: {count} {tables} not in the image, hiding {size}\n"
    for error, part in errors[:_MOST_HIDDEN]:
        yield "\n".join(paragraph(f"from {part.first:016x}: {error}", 2, 2)) + "\n"
    if len(errors) > _MOST_HIDDEN:
        yield f"  and {grouped(len(errors) - _MOST_HIDDEN)} more (--json names each)\n"


def _line(one: PageRun, *, physical: bool, keys: bool) -> str:
    size = size_text(one.end - one.start)
    text = f"{one.start:016x}  {one.end:016x}{'' if one.end >> 64 else ' '} {size:>8}"
    text += f"  {size_text(one.page_size).replace(' ', '')[:-2]:<4}  {one.permissions}"
    if physical:
        text += f"  {one.gpa:>13x}"
    if keys and one.key:
        text += f"  {'key ' if not physical else 'k'}{one.key}"
    return text + "\n"


def _places(distance: int, space: str) -> str:
    """Distance between the places in memory of folded runs."""
    if not distance:
        return f", same {space}"
    return f", {space} {'-' if distance < 0 else '+'}{size_text(abs(distance))} each"


def _folds(runs: PageRuns, *, physical: bool) -> list[_Fold]:
    """Stretches of at least ``_MIN_FOLDED`` alike runs at equal distances."""
    table = runs.table
    if len(table) < _MIN_FOLDED:
        return []
    step = np.diff(table["start"])
    alike = np.ones(len(step), np.bool_)
    for name in ("size", "rights", "page_size"):
        alike &= table[name][1:] == table[name][:-1]
    goes_on = alike[1:] & alike[:-1] & (step[1:] == step[:-1])
    if physical:
        place = np.diff(table["gpa"])
        goes_on &= place[1:] == place[:-1]
    edges = np.flatnonzero(np.diff(np.concatenate(([False], goes_on, [False])).astype(np.int8)))
    folds: list[_Fold] = []
    for first, end in edges.reshape(-1, 2).tolist():
        # Two stretches can share the run where one distance gives way to another.
        free = max(first, folds[-1].first + folds[-1].times) if folds else first
        count = end + 2 - free
        if count >= _MIN_FOLDED:
            folds.append(_Fold(free, count, int(step[first])))
    return folds

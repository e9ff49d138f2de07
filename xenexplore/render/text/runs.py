"""An address space as text: a line per run, repetitions folded; and an image's headline."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from xenexplore.memory.image import Image
from xenexplore.paging.batch_tables import KEY_MASK
from xenexplore.paging.plan import Mode
from xenexplore.paging.runs import Run, Runs
from xenexplore.paging.state import PagingState
from xenexplore.render.text.table import WIDTH, fit, grouped, listed, paragraph

__all__ = ["MODE_NAMES", "image_header", "runs_text", "size_text"]

MODE_NAMES: Final = {
    Mode.NONE: "paging off",
    Mode.LEGACY: "32-bit paging",
    Mode.PAE: "PAE paging",
    Mode.LEVEL4: "4-level paging",
    Mode.LEVEL5: "5-level paging",
}
_UNITS: Final = ((40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB"), (0, "B"))
# Fewer alike runs in a row are clearer printed than counted.
_MIN_FOLDED = 4


def size_text(size: int) -> str:
    """Bytes in the largest unit that divides them: ``4 KiB``, ``2 MiB``."""
    shift, unit = next(u for u in _UNITS if (not size % (1 << u[0]) and size >> u[0]) or not u[0])
    return f"{size >> shift} {unit}"


def _amount(size: int) -> str:
    """Bytes in KiB, MiB or GiB, to two decimals."""
    shift, unit = next(u for u in _UNITS if size >> u[0] or not u[0])
    return f"{size / (1 << shift):.2f}".rstrip("0").rstrip(".") + f" {unit}"


def image_header(image: Image, state: PagingState, vcpu: int | None, assumed: str) -> str:
    """What was opened and which page tables are looked at, ending in a newline."""
    count = len(image.vcpus)
    vcpus = {0: "no registers", 1: "1 vCPU"}.get(count, f"{count} vCPUs")
    facts = [f"{image.kind.value} of {_amount(image.ram_bytes)}", vcpus]
    room = WIDTH - len(f"Image:  , {', '.join(facts)}")
    lines = [f"Image:  {', '.join([fit(Path(image.name).name, room), *facts])}"]
    facts = [MODE_NAMES[state.mode], f"CR3 {state.cr3:#x}"]
    if vcpu is None:
        facts.append(f"assumed: {assumed}")
    lines += listed("Tables:" if vcpu is None else f"vCPU {vcpu}:", facts)
    return "\n".join(lines) + "\n"


class _Fold(NamedTuple):
    """Runs from position ``first``, ``times`` of them, alike and ``stride`` bytes apart."""

    first: int
    times: int
    stride: int


def runs_text(runs: Runs, *, physical: bool = False, fold: bool = True) -> Iterator[str]:
    """The runs at 72 columns, ASCII, line by line with newlines, and a sum at the end.

    Args:
        runs: the runs.
        physical: whether to say where each run lies in memory; runs are then
            folded only if these places too are at equal distances.
        fold: whether runs that repeat at equal distances become two lines.
    """
    if not len(runs):
        yield "Nothing is mapped.\n"
        return
    places = f"  {'gpa':>13}" if physical else ""
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
                more += _places(last.gpa - runs[at - 2].gpa)
            yield "\n".join(paragraph(f"... {more}", 2, 4)) + "\n"
    total = _amount(runs.mapped_bytes)
    yield f"\n{grouped(len(runs))} run{'s' if len(runs) > 1 else ''}, {total} mapped\n"


def _line(one: Run, *, physical: bool, keys: bool) -> str:
    size = size_text(one.end - one.start)
    text = f"{one.start:016x}  {one.end:016x}{'' if one.end >> 64 else ' '} {size:>8}"
    text += f"  {size_text(one.page_size).replace(' ', '')[:-2]:<4}  {one.permissions}"
    if physical:
        text += f"  {one.gpa:>13x}"
    if keys and one.key:
        text += f"  {'key ' if not physical else 'k'}{one.key}"
    return text + "\n"


def _places(distance: int) -> str:
    """How the places in memory of folded runs follow each other."""
    if not distance:
        return ", same gpa"
    return f", gpa {'-' if distance < 0 else '+'}{size_text(abs(distance))} each"


def _folds(runs: Runs, *, physical: bool) -> list[_Fold]:
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

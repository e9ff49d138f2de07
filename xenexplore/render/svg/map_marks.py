"""Contents of the address-space map at a step: blocks, marks and links, before any pixel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from xenexplore.addr import PAGE_SHIFT
from xenexplore.render.drawing.scale import Block, Extent
from xenexplore.render.svg.focus import Focus
from xenexplore.render.views.space_map import SpaceMap
from xenexplore.scenario.run.trace import Trace
from xenexplore.steps import Flip

__all__ = ["MapMarks", "Mark", "map_marks_at"]

# Regions of every kernel that a small map shows although nothing is in them.
_KNOWN = ("user", "identity", "directmap", "vmalloc", "vmemmap", "kernel image", "modules")
# Runs of frames that are drawn one by one; of more than that, a few.
_MOST = 12
_FEW = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Something small on the map.

    Attributes:
        kind: ``"buffer"``, ``"alias"``, ``"handle"``, ``"frame"``, ``"table"``
            (the table that is being read), ``"tables"``, ``"special"`` (a P2M
            type that is not plain RAM) or ``"hole"`` (RAM that the P2M lacks).
        extent: where.
        name: what it is called.
        now: whether the current copy is there.
        private: whether it is private to an encrypted guest; None where that says nothing.
        link: frames that it shares with marks of the other column, or -1.
    """

    kind: str
    extent: Extent
    name: str = ""
    now: bool = False
    private: bool | None = None
    link: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class MapMarks:
    """Both address spaces at a step.

    Attributes:
        linear: blocks, ascending.
        physical: likewise; for PV, machine frames.
        parts: what the kernel has in RAM: name and place.
        on_linear: marks.
        on_physical: marks.
        encrypted: whether the guest is.
    """

    linear: tuple[Block, ...]
    physical: tuple[Block, ...]
    parts: tuple[Block, ...]
    on_linear: tuple[Mark, ...]
    on_physical: tuple[Mark, ...]
    encrypted: bool


def map_marks_at(trace: Trace, space: SpaceMap, focus: Focus, *, whole: bool) -> MapMarks:
    """Both address spaces as they are after the map's step.

    Args:
        trace: the run.
        space: the map's records.
        focus: what the step looks at.
        whole: every region of the kernel, not just the well-known ones and
            those with something in them.
    """
    kept = _kept(space, focus)
    on_linear = tuple(_on_linear(space, kept))
    on_physical = tuple(_on_physical(trace, space, focus, kept))
    return MapMarks(
        linear=tuple(_linear(space, whole=whole)),
        physical=tuple(_physical(trace, on_physical, whole=whole)),
        parts=tuple(_parts(trace)),
        on_linear=on_linear,
        on_physical=on_physical,
        encrypted=trace.machine.spec.encrypted,
    )


def _linear(space: SpaceMap, *, whole: bool) -> Iterator[Block]:
    at = 0
    for span in reversed(space.linear):
        told = whole or span.name in _KNOWN or span.items or span.covered
        if not told:
            continue
        if span.start.value > at:
            yield Block(extent=Extent(low=at, high=span.start.value), gap=True)
        yield Block(extent=Extent(low=span.start.value, high=span.end), name=span.name)
        at = span.end
    if at < 1 << 64:
        yield Block(extent=Extent(low=at, high=1 << 64), gap=True)


def _physical(trace: Trace, marks: Sequence[Mark], *, whole: bool) -> Iterator[Block]:
    if trace.machine.spec.type == "pv":
        yield from _machine(marks)
        return
    gap: Extent | None = None
    for region in trace.machine.gpa_regions:
        if region.kind == "kernel":
            continue
        extent = Extent(low=region.range.start.value, high=region.range.end)
        told = region.kind == "ram" or any(mark.extent.overlaps(extent) for mark in marks)
        if told or (whole and region.kind != "hole"):
            if gap is not None:
                yield Block(extent=gap, name="no RAM", gap=True)
                gap = None
            yield Block(extent=extent, name=region.name)
        else:
            gap = Extent(low=extent.low if gap is None else gap.low, high=extent.high)
    if gap is not None:
        yield Block(extent=gap, name="no RAM", gap=True)


def _machine(marks: Sequence[Mark]) -> Iterator[Block]:
    """A PV guest's frames belong to no space of its own: just the frames themselves."""
    at = 0
    for extent in sorted({(mark.extent.low, mark.extent.high) for mark in marks}):
        low, high = max(extent[0], at), extent[1]
        if low >= high:
            continue
        if low > at:
            yield Block(extent=Extent(low=at, high=low), gap=True)
        yield Block(extent=Extent(low=low, high=high))
        at = high
    yield Block(extent=Extent(low=at, high=at + (1 << 30)), gap=True)


def _parts(trace: Trace) -> Iterator[Block]:
    if trace.machine.spec.type == "pv":
        return
    for region in trace.machine.gpa_regions:
        if region.kind == "kernel":
            extent = Extent(low=region.range.start.value, high=region.range.end)
            yield Block(extent=extent, name=region.name)


def _kept(space: SpaceMap, focus: Focus) -> frozenset[int]:
    """First frames of the runs that are drawn: the current ones, then as many as fit."""
    firsts = list(dict.fromkeys(run.gfn for run in space.runs))
    if len(firsts) <= _MOST:
        return frozenset(firsts)
    now = [
        at.value >> PAGE_SHIFT
        for chunk in focus.chunks[-2:]
        for at in (chunk.gpa, chunk.meant)
        if at is not None
    ]
    wanted = [run.gfn for gfn in now for run in space.runs if run.gfn <= gfn < run.gfn + run.frames]
    return frozenset(list(dict.fromkeys([*wanted, *firsts]))[:_FEW])


def _on_linear(space: SpaceMap, kept: frozenset[int]) -> Iterator[Mark]:
    links = {run.letter: run.gfn for run in space.runs}
    many = len(set(links.values())) > len(kept)
    for span in space.linear:
        whole: dict[str, Mark] = {}
        for item in span.items:
            if many and item.kind == "alias" and links.get(item.letter) not in kept:
                continue
            if many and item.kind == "buffer":
                # One bar for the pages of a large buffer.
                low, high = item.va.value, item.va.value + item.size
                known = whole.get(item.name)
                if known is not None:
                    low, high = min(low, known.extent.low), max(high, known.extent.high)
                whole[item.name] = Mark(
                    kind="buffer",
                    extent=Extent(low=low, high=high).pages(),
                    name=item.name,
                    now=item.now or (known is not None and known.now),
                )
                continue
            extent = Extent(low=item.va.value, high=item.va.value + item.size)
            yield Mark(
                kind=item.kind,
                extent=extent.pages(),
                name=item.name,
                now=item.now,
                link=links.get(item.letter, -1),
            )
        yield from whole.values()


def _on_physical(
    trace: Trace, space: SpaceMap, focus: Focus, kept: frozenset[int]
) -> Iterator[Mark]:
    now = {chunk.gpa.value >> PAGE_SHIFT for chunk in focus.chunks if chunk.gpa is not None}
    latest = focus.chunk
    meant = set[int]()
    if latest is not None and latest.wrong and latest.meant not in (None, latest.gpa):
        assert latest.meant is not None
        meant.add(latest.meant.value >> PAGE_SHIFT)
    encrypted = trace.machine.spec.encrypted
    shared = _shared(trace, space.index)
    for letter in dict.fromkeys(run.letter for run in space.runs):
        run = next(run for run in space.runs if run.letter == letter)
        frames = range(run.gfn, run.gfn + run.frames)
        if run.gfn not in kept:
            continue
        yield Mark(
            kind="frame",
            extent=_frames(run.gfn, run.frames),
            name=f"{run.gfn:05x}{' meant' if any(gfn in meant for gfn in frames) else ''}",
            now=any(gfn in now for gfn in frames),
            private=not all(gfn in shared for gfn in frames) if encrypted else None,
            link=run.gfn,
        )
    known = {
        gfn for run in space.runs if run.gfn in kept for gfn in range(run.gfn, run.gfn + run.frames)
    }
    latest_now = {chunk.gpa.value >> PAGE_SHIFT for chunk in focus.chunks[-_FEW:] if chunk.gpa}
    for gfn in sorted(latest_now - known):
        private = gfn not in shared if encrypted else None
        yield Mark(kind="frame", extent=_frames(gfn, 1), name=f"{gfn:05x}", now=True,
                   private=private, link=gfn)  # fmt: skip
    if focus.table is not None:
        gfn = focus.table.value
        yield Mark(kind="table", extent=_frames(gfn, 1), name=f"{gfn:05x}", now=True)
    if trace.machine.spec.type != "pv":
        for first, count in _runs(sorted(f.value for f in trace.machine.table_frames)):
            yield Mark(kind="tables", extent=_frames(first, count), name="page tables")
        yield from _types(trace)


def _types(trace: Trace) -> Iterator[Mark]:
    """Marks where the P2M has something else than plain RAM, and where it has nothing for RAM."""
    runs = trace.machine.p2m
    for run in runs:
        if run.p2m_type != "p2m_ram_rw":
            extent = _frames(run.gfn.value, run.frames)
            yield Mark(kind="special", extent=extent, name=run.p2m_type)
    for region in trace.machine.gpa_regions:
        if region.kind != "ram" or not runs:
            continue
        at, end = region.range.start.value, region.range.end
        for run in runs:
            low = run.gfn.value << PAGE_SHIFT
            if at < low < end:
                yield Mark(kind="hole", extent=Extent(low=at, high=low), name="P2M hole")
            at = max(at, low + (run.frames << PAGE_SHIFT))
        if at < end:
            yield Mark(kind="hole", extent=Extent(low=at, high=end), name="P2M hole")


def _shared(trace: Trace, index: int) -> set[int]:
    """The frames that are shared with Xen after a step, of those behind buffers or flipped."""
    found = {f.value for b in trace.machine.buffers if b.shared for f in b.frames}
    for node in trace.steps[: index + 1]:
        if isinstance(node.step, Flip):
            (found.add if node.step.shared else found.discard)(node.step.gfn.value)
    return found


def _frames(gfn: int, count: int) -> Extent:
    return Extent(low=gfn << PAGE_SHIFT, high=(gfn + count) << PAGE_SHIFT)


def _runs(frames: Sequence[int]) -> Iterator[tuple[int, int]]:
    first, count = -1, 0
    for gfn in frames:
        if count and gfn == first + count:
            count += 1
            continue
        if count:
            yield first, count
        first, count = gfn, 1
    if count:
        yield first, count

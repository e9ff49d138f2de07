"""The guest's address spaces as a map: regions in order, buffers and frames, registered ranges."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from xenexplore.addr import PAGE_SHIFT, Gpa, Gva
from xenexplore.guest.layout.regions import Region, RegionKind
from xenexplore.guest.physical import GpaRegion
from xenexplore.render.views.frame_runs import FrameRun, runs_of
from xenexplore.render.views.locations import handles
from xenexplore.render.views.step_tree import StepTree
from xenexplore.scenario.run.trace import Trace
from xenexplore.steps import Copy
from xenexplore.tlb.history import ShownEntry, ShownTable, registered_at

__all__ = ["Covered", "LinearItem", "LinearSpan", "PhysicalItem", "SpaceMap", "space_at"]


_WHOLES = (RegionKind.IMAGE, RegionKind.DIRECTMAP)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearItem:
    """Something at a linear address.

    Attributes:
        kind: ``"buffer"``, ``"alias"`` (the directmap's address of the same
            frame) or ``"handle"`` (of the current copy, in no buffer).
        va: where.
        size: bytes.
        letter: links it to its frame; ``""`` for a handle.
        name: the buffer's name, or what the handle is of.
        process: the process that maps it, or None if every address space does.
        part: the part of its region that contains it, or ``""``.
        now: whether the current copy begins in it.
        covered: tables in which a registered range covers ``va`` (None: the domain's).
    """

    kind: str
    va: Gva
    size: int
    letter: str
    name: str
    process: str | None
    part: str
    now: bool
    covered: tuple[int | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearSpan:
    """A region of the linear address space, parts cut out of it counted in.

    Attributes:
        name: its name.
        start: first address.
        end: first address past it (an int: it may be 2**64).
        items: its contents, highest address first.
        covered: tables in which a registered range overlaps it.
    """

    name: str
    start: Gva
    end: int
    items: tuple[LinearItem, ...]
    covered: tuple[int | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PhysicalItem:
    """Something in guest-physical space.

    Attributes:
        depth: 0 for a region of the space, 1 for parts of RAM.
        start: first address.
        end: first address past it.
        name: what it is.
        letter: links a buffer's frames to its linear addresses, or ``""``.
    """

    depth: int
    start: Gpa
    end: int
    name: str
    letter: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """A registered range and the tables that hold it.

    Attributes:
        entry: the range.
        vcpus: whose tables hold it, or () for the domain's shared one.
        letters: runs behind it in guest-physical space.
    """

    entry: ShownEntry
    vcpus: tuple[int, ...]
    letters: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceMap:
    """The map.

    Attributes:
        index: the step after which registered ranges are shown.
        linear: regions with something to say, highest first, holes left out.
        physical: guest-physical space, highest first; for PV only the
            buffers' machine frames, which belong to no space of the guest's own.
        registered: registered ranges by address.
        runs: frames of buffers, by letter.
    """

    index: int
    linear: tuple[LinearSpan, ...]
    physical: tuple[PhysicalItem, ...]
    registered: tuple[Covered, ...]
    runs: tuple[FrameRun, ...]


def space_at(trace: Trace, index: int | None = None, tree: StepTree | None = None) -> SpaceMap:
    """The map after step ``index`` (default: the last).

    Buffers and frames are those of the run's beginning.
    """
    at = len(trace.steps) - 1 if index is None else index
    tree = tree or StepTree(trace.steps)
    tables = registered_at(trace.steps, at, trace.registered).tables
    runs = tuple(runs_of(trace.machine.buffers))
    items = tuple(_items(trace, tree, at, runs, tables))
    return SpaceMap(
        index=at,
        linear=tuple(_linear(trace.machine.regions, items, tables)),
        physical=tuple(_physical(trace, runs)),
        registered=tuple(_registered(tables, runs)),
        runs=runs,
    )


def _items(
    trace: Trace, tree: StepTree, index: int, runs: Sequence[FrameRun], tables: Sequence[ShownTable]
) -> Iterator[LinearItem]:
    around = tree.around(index) if index >= 0 else []
    copy = next((n for n in around if isinstance(tree.steps[n].step, Copy)), None)
    now: Gva | None = None
    role = ""
    if copy is not None and handles(tree, copy) == "linear":
        step = tree.steps[copy].step
        assert isinstance(step, Copy)
        now, role = Gva(step.handle), step.role
    owners = {buffer.name: buffer.process for buffer in trace.machine.buffers}
    shown = False
    for run in runs:
        here = now is not None and run.va.value <= now.value < run.va.value + run.size
        shown = shown or here
        yield LinearItem(
            kind="buffer",
            va=run.va,
            size=run.size,
            letter=run.letter,
            name=run.buffer,
            process=owners[run.buffer],
            part=_part(trace.machine.regions, run.va),
            now=here,
            covered=_covering(tables, run.va),
        )
        if run.alias is not None:
            yield LinearItem(
                kind="alias",
                va=run.alias,
                size=run.size,
                letter=run.letter,
                name=run.buffer,
                process=None,
                part=_part(trace.machine.regions, run.alias),
                now=False,
                covered=_covering(tables, run.alias),
            )
    if now is not None and not shown:
        yield LinearItem(
            kind="handle",
            va=now,
            size=1,
            letter="",
            name=role,
            process=None,
            part=_part(trace.machine.regions, now),
            now=True,
            covered=_covering(tables, now),
        )


def _part(regions: Sequence[Region], va: Gva) -> str:
    region = next((region for region in regions if va in region), None)
    if region is None or _whole_of(region, regions) == region.name:
        return ""
    return "" if region.kind is RegionKind.DIRECTMAP else region.name


def _covering(tables: Sequence[ShownTable], va: Gva) -> tuple[int | None, ...]:
    return tuple(table.vcpu for table in tables if table.find(va) is not None)


def _linear(
    regions: Sequence[Region], items: Sequence[LinearItem], tables: Sequence[ShownTable]
) -> Iterator[LinearSpan]:
    for name, start, end, hole in reversed(_whole(regions)):
        inside = sorted(
            (item for item in items if start <= item.va.value < end),
            key=lambda item: (-item.va.value, item.letter),
        )
        if hole and not inside:
            continue
        covered = tuple(
            table.vcpu
            for table in tables
            if any(e.va.value < end and start < e.va.value + e.size for e in table.entries)
        )
        yield LinearSpan(name=name, start=Gva(start), end=end, items=tuple(inside), covered=covered)


def _whole(regions: Sequence[Region]) -> list[tuple[str, int, int, bool]]:
    """Regions with the parts that were cut out of them put back: name, start, end, hole."""
    found: list[tuple[str, int, int, bool]] = []
    for region in regions:
        name = _whole_of(region, regions)
        hole = region.kind is RegionKind.HOLE
        if found and found[-1][0] == name and found[-1][2] == region.start.value and not hole:
            found[-1] = (name, found[-1][1], region.end, False)
        else:
            found.append((name, region.start.value, region.end, hole))
    return found


def _whole_of(region: Region, regions: Sequence[Region]) -> str:
    """The image or directmap that a region was cut out of, or its own name."""
    at: Region | None = region
    while at is not None and at.part_of:
        name = at.part_of
        at = next((r for r in regions if r.name == name and r.kind in _WHOLES), None)
        region = at or region
    return "directmap" if region.kind is RegionKind.DIRECTMAP else region.name


def _physical(trace: Trace, runs: Sequence[FrameRun]) -> Iterator[PhysicalItem]:
    items: list[PhysicalItem] = []
    if trace.machine.spec.type != "pv":
        items += [_place(region) for region in trace.machine.gpa_regions]
    seen: set[str] = set()
    for run in runs:
        if run.letter in seen:
            continue
        seen.add(run.letter)
        names = dict.fromkeys(r.buffer for r in runs if r.letter == run.letter)
        items.append(
            PhysicalItem(
                depth=1,
                start=Gpa(run.gfn << PAGE_SHIFT),
                end=(run.gfn + run.frames) << PAGE_SHIFT,
                name=", ".join(names),
                letter=run.letter,
            )
        )
    # Parts of RAM are listed above the RAM's own line, as they are above its start.
    yield from sorted(items, key=lambda item: (-item.start.value, -item.depth, item.name))


def _place(region: GpaRegion) -> PhysicalItem:
    return PhysicalItem(
        depth=int(region.kind == "kernel"),
        start=region.range.start,
        end=region.range.end,
        name=region.name,
    )


def _registered(tables: Sequence[ShownTable], runs: Sequence[FrameRun]) -> Iterator[Covered]:
    found: dict[tuple[int, ...], tuple[ShownEntry, list[int]]] = {}
    for table in tables:
        for entry in table.entries:
            key = (entry.va.value, entry.pa.value, entry.size)
            held = found.setdefault(key, (entry, []))
            if table.vcpu is not None:
                held[1].append(table.vcpu)
    for _, (entry, vcpus) in sorted(found.items()):
        low, high = entry.pa.value >> PAGE_SHIFT, (entry.pa.value + entry.size - 1) >> PAGE_SHIFT
        behind = dict.fromkeys(
            run.letter for run in runs if run.gfn <= high and low < run.gfn + run.frames
        )
        yield Covered(entry=entry, vcpus=tuple(vcpus), letters=tuple(behind))

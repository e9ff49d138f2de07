"""The guest's address spaces: regions, buffers, registered ranges, aliases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from xenexplore.render.text.box import Ink
from xenexplore.render.text.run.trace import guest_line, option_name
from xenexplore.render.text.table import WIDTH, fit
from xenexplore.render.views import number_format as spell
from xenexplore.render.views.moment import step_index
from xenexplore.render.views.space_map import (
    LinearItem,
    LinearSpan,
    PhysicalItem,
    SpaceMap,
    space_at,
)
from xenexplore.scenario.run.trace import Trace

__all__ = ["map_text", "whose"]

_LEFT = 44
_RIGHT = WIDTH - _LEFT - 3
_MOST_ITEMS = 12
_MOST_RANGES = 12


def map_text(trace: Trace, index: int | None = None, *, unicode: bool = False) -> str:
    """The linear and the guest-physical address space side by side, high addresses on top.

    True to order, not to scale; holes are left out.  The same letter is the
    same frame.

    Args:
        trace: what happened.
        index: the step after which registered ranges are shown; default: the last.
        unicode: box characters instead of ASCII.

    Raises:
        MachineError: the trace has no such step.
    """
    ink = Ink(unicode=unicode)
    space = space_at(trace, step_index(trace, index))
    pv = trace.machine.spec.type == "pv"
    lines = ink.ends(trace.about.name, guest_line(trace))
    lines += ink.ends(option_name(trace.option), f"step {space.index}/{len(trace.steps) - 1}")
    lines += [ink.rule()]
    left = ["  linear", *(line for span in space.linear for line in _span(ink, span))]
    head = "machine frames" if pv else "guest-physical"
    right = [head, *(_physical(ink, item) for item in space.physical)]
    bar = "\u2502" if unicode else "|"
    for one, other in zip_longest(left, right, fillvalue=""):
        lines.append(f"{fit(one, _LEFT).ljust(_LEFT)} {bar} {fit(other, _RIGHT)}".rstrip())
    lines += [ink.rule(), *_legend(ink, space)]
    return ink.page(lines)


def _span(ink: Ink, span: LinearSpan) -> Iterator[str]:
    items = span.items
    cut = len(items) - _MOST_ITEMS if len(items) > _MOST_ITEMS + 1 else 0
    shown = _kept(items, len(items) - cut)
    for item in shown:
        yield _item(ink, item)
    if cut:
        yield f"      and {cut} more places"
    gutter = "=" if span.covered else " "
    name = ink.text(span.name)
    size = spell.size(span.end - span.start.value)
    line = f"{gutter} {spell.linear(span.start.value)} {name}"
    room = _LEFT - len(line)
    yield line + (size.rjust(room) if room > len(size) else "")


def _kept(items: Sequence[LinearItem], most: int) -> list[LinearItem]:
    """The first ``most`` items, and the one that the current copy is about."""
    kept = list(items[:most])
    late = [item for item in items[most:] if item.now]
    return kept[: most - len(late)] + late


def _item(ink: Ink, item: LinearItem) -> str:
    gutter = ink.mark(now=True, bad=False) if item.now else "=" if item.covered else " "
    name = ink.text(item.name)
    if item.kind == "alias":
        text = f"({item.letter}) {name}"
    elif item.kind == "handle":
        text = f"handle: {name}"
    else:
        owner = f" [{ink.text(item.process)}]" if item.process else ""
        text = f"{item.letter} {name}{owner} {_short(item.size)}"
    text += f" ({ink.text(item.part)})" if item.part else ""
    return f"{gutter}   {spell.linear(item.va.value)} {text}"


def _short(size: int) -> str:
    return spell.size(size).replace(" bytes", "B").replace(" byte", "B")


def _physical(ink: Ink, item: PhysicalItem) -> str:
    letter = f"{item.letter} " if item.letter else ""
    indent = "  " if item.depth else ""
    start = spell.physical(item.start.value)
    text = f"{indent}{start} {letter}{ink.text(item.name)}"
    size = spell.size(item.end - item.start.value)
    room = _RIGHT - len(text)
    return text + (size.rjust(room) if not item.letter and room > len(size) else "")


def _legend(ink: Ink, space: SpaceMap) -> list[str]:
    lines = []
    if space.runs:
        alias = any(run.alias is not None for run in space.runs)
        text = "a: a buffer and the frame behind it"
        text += "; (a): that frame at its directmap address" if alias else ""
        lines += ink.paragraph(text)
    if not space.registered:
        return lines
    lines += ink.paragraph("=  inside a registered range:")
    for covered in space.registered[:_MOST_RANGES]:
        entry = covered.entry
        letters = f" ({' '.join(covered.letters)})" if covered.letters else ""
        where = f"{spell.linear(entry.va.value)} {spell.span(entry.size)}"
        to = f"{where} -> {spell.physical(entry.pa.value)}{letters} {entry.label}"
        lines += ink.paragraph(f"{whose(covered.vcpus)}: {to}", "   ", "     ")
    if space.registered[_MOST_RANGES:]:
        lines += ink.paragraph(f"   and {len(space.registered) - _MOST_RANGES} more ranges")
    return lines


def whose(vcpus: Sequence[int]) -> str:
    """``vCPU 0``, ``vCPUs 0-3``, or the domain's for none."""
    if not vcpus:
        return "domain"
    if len(vcpus) == 1:
        return f"vCPU {vcpus[0]}"
    if list(vcpus) == list(range(vcpus[0], vcpus[0] + len(vcpus))):
        return f"vCPUs {vcpus[0]}-{vcpus[-1]}"
    return "vCPUs " + ", ".join(map(str, vcpus))

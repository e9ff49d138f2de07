"""View "Where the buffer lives": the linear address space beside guest-physical memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xenexplore.render.drawing.canvas import Canvas
from xenexplore.render.drawing.scale import Extent, Scale
from xenexplore.render.drawing.text_metrics import Span, fitted, spans_of, width_of
from xenexplore.render.svg.focus import Chunk, Focus
from xenexplore.render.svg.map_marks import MapMarks, Mark, map_marks_at
from xenexplore.render.views import number_format as spell
from xenexplore.render.views.space_map import Covered, SpaceMap
from xenexplore.scenario.run.trace import Trace
from xenexplore.steps import Copy

__all__ = ["draw_address_spaces"]

_MOST_BANDS = 6
_MOST_LINKS = 16
_LEAST = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Label:
    y: float
    spans: tuple[Span, ...]
    role: str
    rank: int


def draw_address_spaces(
    canvas: Canvas,
    trace: Trace,
    space: SpaceMap,
    focus: Focus,
    box: tuple[float, float, float, float],
    *,
    whole: bool = False,
) -> None:
    """Draw both address spaces after the map's step.

    Args:
        canvas: drawn on.
        trace: the run.
        space: the map's records.
        focus: what the step looks at.
        box: x, y, width and height of the drawing.
        whole: every region of the kernel.
    """
    places = map_marks_at(trace, space, focus, whole=whole)
    _Drawing(canvas, trace, space, focus, places, box).draw()


class _Drawing:
    def __init__(
        self, canvas: Canvas, trace: Trace, space: SpaceMap, focus: Focus, places: MapMarks,
        box: tuple[float, float, float, float],
    ) -> None:  # fmt: skip
        self.canvas, self.trace, self.space = canvas, trace, space
        self.focus, self.places = focus, places
        x, y, width, height = box
        self.top, self.bottom, self.end = y + 22, y + height, x + width
        wide = width > 500
        self.x0 = x + 108
        self.x1 = self.x0 + max(88.0, min(190.0 if wide else 100.0, (width - 108) * 0.3))
        self.p1 = x + width - (150 if wide else 82)
        self.p0 = self.p1 - (90 if wide else 46)
        ranges = [found.entry for found in space.registered]
        self.lin_ranges = [Extent(low=e.va.value, high=e.va.value + e.size) for e in ranges]
        self.phys_ranges = [Extent(low=e.pa.value, high=e.pa.value + e.size) for e in ranges]
        self.lin = Scale(
            places.linear,
            [*(m.extent for m in places.on_linear), *(r.pages() for r in self.lin_ranges)],
            self.top, self.bottom,
        )  # fmt: skip
        self.phys = Scale(
            places.physical,
            [
                *(m.extent for m in places.on_physical),
                *(part.extent for part in places.parts),
                *(r.pages() for r in self.phys_ranges),
            ],
            self.top, self.bottom,
        )  # fmt: skip
        self.addresses: list[_Label] = []
        self.names: list[_Label] = []

    def draw(self) -> None:
        """Everything, the lowest first."""
        kind = "machine" if self.trace.machine.spec.type == "pv" else "guest-physical"
        self.canvas.text(self.x0, self.top - 9, "linear", size=11, role="quiet")
        self.canvas.text(self.p0, self.top - 9, kind, size=11, role="quiet")
        self._bands()
        self._blocks()
        for mark in self.places.on_linear:
            self._on_linear(mark)
        for place, found in enumerate(self.space.registered):
            self._registered(place, found)
        for mark in self.places.on_physical:
            self._on_physical(mark)
        self._links()
        self._labels()

    def _bands(self) -> None:
        for place, found in enumerate(self.space.registered[:_MOST_BANDS]):
            if self.trace.machine.spec.type == "pv" and not found.letters:
                continue
            high, tall = self.lin.span(self.lin_ranges[place])
            there, wide = self.phys.span(self.phys_ranges[place])
            self.canvas.line(
                ("M", self.x1, high), ("L", self.p0, there), ("L", self.p0, there + wide),
                ("L", self.x1, high + tall), ("Z",), fill="band",
            )  # fmt: skip

    def _blocks(self) -> None:
        for block in self.places.linear:
            y, height = self.lin.span(block.extent)
            if block.gap:
                self._gap(self.x0, self.x1, y, height)
                continue
            self._region(self.x0, self.x1, y, height)
            if height >= 13:
                name = fitted(block.name, 11, self.x1 - self.x0 - 10)
                self.canvas.text(self.x0 + 7, y + min(height / 2 + 4, 14), name, size=11)
            at = spans_of(spell.linear(block.extent.low))
            self.addresses.append(_Label(y=y + height - 2, spans=at, role="quiet", rank=9))
        for block in self.places.physical:
            y, height = self.phys.span(block.extent)
            middle = y + min(height / 2 + 3, 11)
            if block.gap:
                self._gap(self.p0, self.p1, y, height)
            else:
                self._region(self.p0, self.p1, y, height)
                if self.places.encrypted and block.name == "RAM":
                    self.canvas.hatch(self.p0, y + 0.5, self.p1 - self.p0, height - 1, "faint")
            self._name(middle, block.name, rank=5 if block.gap else 3)
        for part in self.places.parts:
            y, height = self.phys.span(part.extent)
            self.canvas.rule(self.p0, y, self.p1)
            self.canvas.rule(self.p0, y + height, self.p1)
            self._name(y + height / 2 + 3, part.name, rank=4)

    def _gap(self, x: float, end: float, y: float, height: float) -> None:
        for side in (x, end):
            self.canvas.line(("M", side, y), ("L", side, y + height), stroke="line", dash=(1, 3))

    def _region(self, x: float, end: float, y: float, height: float) -> None:
        tall = max(1.0, height - 1)
        self.canvas.rect(x, y + 0.5, end - x, tall, fill="tint", stroke="line")

    def _name(self, y: float, name: str, *, rank: int, role: str = "quiet") -> None:
        known = any(label.spans and label.spans[0].text == name for label in self.names)
        if name and not known:
            bold = rank < 0
            mono = Span(text=name, mono=True, bold=bold)
            spans = (mono,) if role != "quiet" or rank <= 1 else (Span(text=name),)
            self.names.append(_Label(y=y, spans=spans, role=role, rank=rank))

    def _registered(self, place: int, found: Covered) -> None:
        extent = self.lin_ranges[place]
        small = extent.high - extent.low <= 64 << 12
        y, height = self.lin.span(extent.pages() if small else extent, 4)
        # Around a bar, a frame that stands out; around a region, one that is on its outline.
        out = 2.0 if small else 0.0
        self.canvas.rect(
            self.x0 + 1 - out, y + 0.5 - out, self.x1 - self.x0 - 2 + 2 * out,
            max(3.0, height - 1 + 2 * out), stroke="good", thick=1.8,
        )  # fmt: skip
        slot = (Span(text=f"registered [{found.entry.slot}]"),)
        if self.x1 - self.x0 > 150 and height > 18:
            self.canvas.text(self.x1 - 7, y + 14, slot, size=10, role="good", anchor="end")
        elif height > 30:
            self.canvas.text(self.x0 + 7, y + 27, slot, size=10, role="good")

    def _on_linear(self, mark: Mark) -> None:
        y, height = self.lin.span(mark.extent, _LEAST)
        x, width = self.x0 + 1, self.x1 - self.x0 - 2
        if mark.kind == "alias":
            self.canvas.rect(x, y, width, height, fill="paper", stroke="good", dash=(3, 2))
            return
        role = "now" if mark.now else "quiet"
        self.canvas.rect(x, y, width, height, fill=role)
        if mark.now:
            middle = y + height / 2
            points = (("M", x - 2, middle), ("L", x - 8, middle - 4), ("L", x - 8, middle + 4))
            self.canvas.line(*points, ("Z",), fill="now")
        at = self._exact(mark)
        shown = spans_of(spell.linear(at), bold=mark.now)
        role = "now" if mark.now else "ink"
        label = _Label(y=y + height / 2 + 3, spans=shown, role=role, rank=int(not mark.now))
        self.addresses.append(label)
        if height >= 12:
            name = fitted(mark.name, 10, width - 12, bold=True)
            face = (Span(text=name, bold=True, role="paper"),)
            self.canvas.text(x + 6, y + height / 2 + 3.5, face, size=10)

    def _exact(self, mark: Mark) -> int:
        """The address itself, not its page, where the mark is what the copy is about."""
        chunk = self.focus.chunk
        va = None if chunk is None or chunk.va is None else chunk.va.value
        if mark.now and va is not None and mark.extent.low <= va < mark.extent.high:
            return va
        for item in (item for span in self.space.linear for item in span.items):
            if item.name == mark.name and item.va.value >> 12 == mark.extent.low >> 12:
                return item.va.value
        return mark.extent.low

    def _on_physical(self, mark: Mark) -> None:
        y, height = self.phys.span(mark.extent, _LEAST)
        x, width = self.p0 + 1, self.p1 - self.p0 - 2
        middle = y + height / 2 + 3
        if mark.kind == "tables":
            tall = max(4.0, height)
            for at in (3.0, 7.0, 11.0):
                ends = (("M", x + at, y), ("L", x + at, y + tall))
                self.canvas.line(*ends, stroke="quiet", thick=1.4)
            self._name(middle, mark.name, rank=4)
            return
        if mark.kind == "table":
            self.canvas.rect(x, y - 1, width, height + 2, fill="paper", stroke="now", thick=1.6)
            self._name(middle, mark.name, rank=0, role="now")
            return
        if mark.kind in ("special", "hole"):
            dash = (2.0, 2.0) if mark.kind == "hole" else ()
            self.canvas.rect(x, y, width, height, fill="paper", stroke="quiet", dash=dash)
            self._name(middle, mark.name, rank=4)
            return
        wrong = mark.now and self._wrong(mark)
        role = "bad" if wrong else "now" if mark.now else "quiet"
        self.canvas.rect(x, y, width, height, fill=role)
        if mark.private:
            self.canvas.hatch(x, y, width, height, "paper")
        if wrong:
            at = y + height / 2
            cross = (("M", -4.0, -4.0), ("L", 4.0, 4.0), ("M", 4.0, -4.0), ("L", -4.0, 4.0))
            moved = [(name, self.p1 + 8 + dx, at + dy) for name, dx, dy in cross]
            self.canvas.line(*moved, stroke="bad", thick=1.8)
        shade = role if mark.now else "ink"
        self._name(middle, mark.name, rank=-1 if mark.now else 1, role=shade)

    def _wrong(self, mark: Mark) -> bool:
        return any(
            chunk.wrong and chunk.gpa is not None
            and mark.extent.low <= chunk.gpa.value < mark.extent.high
            for chunk in self.focus.chunks
        )  # fmt: skip

    def _links(self) -> None:
        """Aliases dashed; the pieces of the current copy on top."""
        frames = {m.link: m for m in self.places.on_physical if m.kind == "frame"}
        aliases = [m for m in self.places.on_linear if m.kind == "alias" and m.link in frames]
        for mark in aliases[:_MOST_LINKS]:
            there = self.phys.middle(frames[mark.link].extent)
            self._curve(self.lin.middle(mark.extent), there, "good", dash=(4, 3))
        for chunk in self.focus.chunks[-_MOST_LINKS:]:
            self._chunk(chunk)

    def _chunk(self, chunk: Chunk) -> None:
        if chunk.gpa is None:
            return
        there = self.phys.middle(Extent(low=chunk.gpa.value, high=chunk.gpa.value + 1).pages())
        if chunk.va is None:
            middle = (self.x1 + self.p0) / 2
            head = (
                ("M", self.p0 - 8, there - 4),
                ("L", self.p0 - 2, there),
                ("L", self.p0 - 8, there + 4),
            )
            self.canvas.line(
                ("M", middle, there), ("L", self.p0 - 2, there), *head, stroke="now", thick=1.8
            )
            if chunk == self.focus.chunk:
                name = "handle" if self._is_handle(chunk.gpa.value) else "piece"
                self.canvas.text(middle, there - 5, name, size=10, role="now")
            return
        here = self.lin.middle(Extent(low=chunk.va.value, high=chunk.va.value + 1).pages())
        self._curve(here, there, "bad" if chunk.wrong else "now", thick=1.8)
        if chunk.wrong and chunk.meant is not None and chunk.meant != chunk.gpa:
            meant = Extent(low=chunk.meant.value, high=chunk.meant.value + 1).pages()
            self._curve(here, self.phys.middle(meant), "now", dash=(1, 3), thick=1.8)

    def _is_handle(self, gpa: int) -> bool:
        """Whether the copy's own handle is in a page, not just a piece that a list names."""
        copy = self.focus.copy
        step = None if copy is None else self.trace.steps[copy].step
        return isinstance(step, Copy) and step.handle >> 12 == gpa >> 12

    def _curve(
        self, here: float, there: float, role: str, *,
        dash: tuple[float, ...] = (), thick: float = 1.2,
    ) -> None:  # fmt: skip
        bend = (self.p0 - self.x1) * 0.45
        self.canvas.line(
            ("M", self.x1, here),
            ("C", self.x1 + bend, here, self.p0 - bend, there, self.p0, there),
            stroke=role, dash=dash, thick=thick,
        )  # fmt: skip

    def _labels(self) -> None:
        for label in _spread(self.addresses, 11, self.top + 6, self.bottom):
            self.canvas.text(
                self.x0 - 10, label.y, label.spans, size=10.4, role=label.role, anchor="end"
            )
        shown = [label for label in self.names if label.spans]
        for label in _spread(shown, 11.5, self.top + 6, self.bottom):
            x = self.p1 + (16 if label.role == "bad" else 7)
            room = self.end - x
            spans = label.spans
            if width_of(spans, 10.4) > room:
                spans = (Span(text=fitted(spans[0].text, 10.4, room)),)
            self.canvas.text(x, label.y, spans, size=10.4, role=label.role)


def _spread(labels: Sequence[_Label], gap: float, top: float, bottom: float) -> list[_Label]:
    """Labels moved apart; where there is no room, the least important ones are left out."""
    kept: list[_Label] = []
    most = int((bottom - top) / gap)
    seen: set[tuple[str, ...]] = set()
    for label in sorted(labels, key=lambda label: label.rank):
        key = tuple(span.text for span in label.spans)
        crowded = sum(abs(other.y - label.y) < gap for other in kept)
        if key in seen or len(kept) >= most or (label.rank > 2 and crowded):
            continue
        seen.add(key)
        kept.append(label)
    kept.sort(key=lambda label: label.y)
    ys = [min(max(label.y, top), bottom) for label in kept]
    for at in range(1, len(ys)):
        ys[at] = max(ys[at], ys[at - 1] + gap)
    for at in range(len(ys) - 1, -1, -1):
        limit = bottom if at == len(ys) - 1 else ys[at + 1] - gap
        ys[at] = min(ys[at], limit)
    return [
        _Label(y=y, spans=label.spans, role=label.role, rank=label.rank)
        for label, y in zip(kept, ys, strict=True)
    ]

"""A scenario under each of its options, side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from xenexplore.render.text.box import Ink
from xenexplore.render.text.legend import comparison_legend
from xenexplore.render.text.run.trace import assumed_line, guest_line
from xenexplore.render.text.table import WIDTH
from xenexplore.render.views.comparison import (
    Measure,
    Side,
    measures_of,
    sides_of,
    verdict_of,
)
from xenexplore.scenario.run.comparison import Comparison
from xenexplore.steps import Status

__all__ = ["comparison_text"]

_NAME = 22


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of the table: a head of one or two lines, a word for each option."""

    head: tuple[str, ...]
    words: list[str]
    left: bool = False

    @property
    def width(self) -> int:
        return max(len(word) for word in (*self.head, *self.words))

    def cell(self, word: str) -> str:
        return word.ljust(self.width) if self.left else word.rjust(self.width)


_SHOWN = {status: status.value for status in Status} | {Status.WRONG: "WRONG"}


def comparison_text(comparison: Comparison, *, unicode: bool = False, legend: bool = False) -> str:
    """Outcome, counts, hazards and first difference of every option.

    Args:
        comparison: the runs.
        unicode: box characters and arrows instead of ASCII.
        legend: below it, what its columns mean.
    """
    if legend:
        return f"{comparison_text(comparison, unicode=unicode)}\n{comparison_legend(comparison)}"
    ink = Ink(unicode=unicode)
    about = comparison.about
    guest = guest_line(comparison.rows[0].trace) if comparison.rows else ""
    lines = ink.ends(about.name, guest)
    lines += ink.paragraph(about.title)
    if comparison.rows and comparison.rows[0].trace.machine.spec.image is not None:
        lines += ink.paragraph(assumed_line(comparison.rows[0].trace), hanging="    ")
    if len(comparison.rows) > 1:
        lines += ink.paragraph(verdict_of(comparison))
    lines += [ink.rule()]
    sides = sides_of(comparison)
    measures = measures_of(comparison)
    for number, block in enumerate(_blocks(ink, sides, measures)):
        lines += ["", *block] if number else block
    lines += [ink.rule(), *_ways(ink, sides), *_differences(ink, sides), *_ends(ink, sides)]
    return ink.page(lines)


def _blocks(ink: Ink, sides: Sequence[Side], measures: Sequence[Measure]) -> Iterator[list[str]]:
    """The table, cut into blocks of columns that fit the page."""
    status = [_SHOWN[side.status] for side in sides]
    columns = [_Column(("out-", "come"), status, left=True)]
    if any(side.result not in ("", "0") for side in sides):
        results = [side.result or "-" for side in sides]
        columns.append(_Column(("re-", "turns"), results, left=True))
    for place, measure in enumerate(measures):
        values = ["-" if side.status is Status.REFUSED else side.values[place] for side in sides]
        columns.append(_Column(measure.head, values))
    names = [_name(ink, side) for side in sides]
    width = max([len(line) for name in names for line in name], default=0)
    block: list[_Column] = []
    used = width
    for column in columns:
        if block and used + 1 + column.width > WIDTH:
            yield _block(names, width, block)
            block, used = [], width
        block.append(column)
        used += 1 + column.width
    yield _block(names, width, block)


def _name(ink: Ink, side: Side) -> list[str]:
    """An option's number and label, on as many lines as it needs."""
    room = _NAME - 4
    words, lines = ink.text(side.label).split(), [""]
    for word in words:
        for start in range(0, len(word), room):
            part = word[start : start + room]
            if lines[-1] and len(lines[-1]) + 1 + len(part) > room:
                lines.append("")
            lines[-1] = f"{lines[-1]} {part}".strip()
    return [f"{side.ident:3} {lines[0]}", *(f"    {line}" for line in lines[1:])]


def _block(names: Sequence[list[str]], width: int, columns: Sequence[_Column]) -> list[str]:
    lines = []
    height = max(len(column.head) for column in columns)
    for level in range(height):
        heads = [((" ",) * height + column.head)[-height:][level] for column in columns]
        lines.append(_line("", width, heads, columns))
    for place, name in enumerate(names):
        words = [column.words[place] for column in columns]
        lines += [_line(name[0], width, words, columns), *name[1:]]
    return lines


def _line(name: str, width: int, words: Sequence[str], columns: Sequence[_Column]) -> str:
    cells = [column.cell(word) for word, column in zip(words, columns, strict=True)]
    return " ".join([name.ljust(width), *cells]).rstrip()


def _ways(ink: Ink, sides: Sequence[Side]) -> list[str]:
    """Way in which a copy finds its memory under each option."""
    lines = ["how memory is found (the first copy, or the first wrong one)"]
    for text, labels in _grouped((side, side.way) for side in sides):
        lines += ink.paragraph(f"{labels}: {text}", "  ", "    ")
    for text, labels in _grouped((side, side.note) for side in sides if side.note):
        lines += ink.paragraph(f"{labels}: {text}", "note: ", "      ")
    return lines


def _differences(ink: Ink, sides: Sequence[Side]) -> list[str]:
    if len(sides) < 2:
        return []
    lines = [*ink.paragraph(f"first step that differs from {sides[0].label}'s")]
    found = []
    for side in sides[1:]:
        if side.status is Status.REFUSED:
            continue
        if side.differs is None:
            text = "none, apart from the setup"
        else:
            step, says = side.differs
            text = says if step is None else f"step {step}: {says}"
        found.append((side, text))
    for text, labels in _grouped(found):
        lines += ink.paragraph(f"{labels}: {text}", "  ", "    ")
    return lines


def _ends(ink: Ink, sides: Sequence[Side]) -> list[str]:
    """Hazards that showed, and expectations that do not hold."""
    lines = []
    hazards = [
        (side, ", ".join(dict.fromkeys(side.trace.outcome.hazards)))
        for side in sides
        if side.trace.outcome.hazards
    ]
    if hazards:
        lines.append("hazards observed")
        for text, labels in _grouped(hazards):
            lines += ink.paragraph(f"{labels}: {text}", "  ", "    ")
    failed = [(side, text) for side in sides for text in side.failed]
    if failed:
        lines.append("EXPECTATIONS THAT DO NOT HOLD")
        for side, text in failed:
            lines += ink.paragraph(f"{side.label}: {text}", "  ", "    ")
    return lines


def _grouped(pairs: Iterable[tuple[Side, str]]) -> list[tuple[str, str]]:
    """Options with the same text together: ``(text, labels)``, in order of first use."""
    groups: dict[str, list[str]] = {}
    for side, text in pairs:
        groups.setdefault(text, []).append(side.label)
    return [(text, _joined(labels)) for text, labels in groups.items()]


def _joined(labels: Sequence[str]) -> str:
    return ("; " if any("," in label for label in labels) else ", ").join(labels)

"""A comparison: one scenario under each of its options, and where they first differ."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass

from xenexplore.display import Pictured, text_of
from xenexplore.hypervisor.outcome import Outcome
from xenexplore.scenario.model.about import About
from xenexplore.scenario.run.trace import Trace
from xenexplore.steps import Json

__all__ = ["COMPARISON_SCHEMA", "Comparison", "ComparisonRow", "Difference"]

COMPARISON_SCHEMA = "xenexplore.comparison/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The first step at which a run does something else than the first option's run.

    Setup (what is done once) is left out: it always differs.

    Attributes:
        first: index of the step in the first option's trace, or None where that
            run was over.
        other: index of the step in this option's trace, or None likewise.
        first_says: that step's sentence, or ``""``.
        other_says: likewise.
    """

    first: int | None
    other: int | None
    first_says: str
    other_says: str

    def as_json(self) -> dict[str, Json]:
        """Every field by name."""
        return {
            "first": self.first,
            "other": self.other,
            "first_says": self.first_says,
            "other_says": self.other_says,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonRow:
    """One option of a comparison.

    Attributes:
        trace: its run.
        difference: where it first departs from the first row's run; None for the
            first row, and where nothing differs but the setup.
        failed: the scenario's expectations about this option that do not hold,
            as sentences.
    """

    trace: Trace
    difference: Difference | None
    failed: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Json]:
        """Option, outcome and first difference, without the steps."""
        return {
            "option": self.trace.option.as_json(),
            "steps": len(self.trace.steps),
            "outcome": self.trace.outcome.as_json(),
            "difference": None if self.difference is None else self.difference.as_json(),
            "failed": list(self.failed),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison(Pictured):
    """One scenario under each of its options.

    Attributes:
        about: the scenario's description.
        rows: one per option, in the scenario's order.
    """

    about: About
    rows: tuple[ComparisonRow, ...]

    def text(self, *, unicode: bool = False, legend: bool = False) -> str:
        """The comparison as a table of 72 columns, for a mail.

        Args:
            unicode: box characters and arrows instead of ASCII.
            legend: below it, what its columns mean.
        """
        return text_of(self, unicode=unicode, legend=legend)

    @property
    def traces(self) -> tuple[Trace, ...]:
        """Each option's run, in the scenario's order."""
        return tuple(row.trace for row in self.rows)

    @property
    def outcomes(self) -> dict[str, Outcome]:
        """Each option's outcome by its label, in the scenario's order."""
        return {row.trace.option.label: row.trace.outcome for row in self.rows}

    @property
    def failed(self) -> tuple[str, ...]:
        """Every expectation that fails."""
        return tuple(text for row in self.rows for text in row.failed)

    def __repr__(self) -> str:
        found = Counter(str(row.trace.outcome.status) for row in self.rows)
        verdicts = ", ".join(f"{number} {status}" for status, number in found.items())
        return f"<Comparison {self.about.name}: {len(self.rows)} options, {verdicts}>"

    def to_json(self) -> bytes:
        """The comparison as UTF-8 JSON, one option on each line."""
        dumped = [
            json.dumps(row.as_json(), ensure_ascii=False, separators=(",", ":"))
            for row in self.rows
        ]
        about = json.dumps(self.about.as_json(), ensure_ascii=False, separators=(",", ":"))
        head = f'{{"schema":"{COMPARISON_SCHEMA}",\n"scenario":{about},\n"options":[\n'
        return (head + ",\n".join(dumped) + "\n]}\n").encode()

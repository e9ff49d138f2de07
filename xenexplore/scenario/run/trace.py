"""A trace: everything that happened in one run of a scenario under one option.

A trace is what every view is drawn from.  ``steps`` is the recorded tree in
preorder (a parent before its children, children in the order in which they
happened); :meth:`Trace.to_json` writes it as text that is the same bytes for
the same scenario, after ``trace.schema.json`` beside this module.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from xenexplore.display import Pictured, svg_of, text_of
from xenexplore.hypervisor.outcome import Outcome
from xenexplore.scenario.model.about import About
from xenexplore.scenario.model.scenario import Scenario
from xenexplore.scenario.model.step_note import StepNote
from xenexplore.scenario.run.guest_snapshot import GuestSnapshot
from xenexplore.steps import Cite, Json, Node, TlbInsert, field_json

__all__ = ["TRACE_SCHEMA", "OptionView", "Trace"]

TRACE_SCHEMA = "xenexplore.trace/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionView:
    """The option that a run was made under.

    Attributes:
        ident: the design's number, e.g. ``"O7"``.
        name: as scenarios spell it, e.g. ``"software-tlb"``.
        label: what the scenario calls this use of it; its name by default.
        title: one line.
        asked: the mail or person that proposed it.
        given: the parameters that the scenario sets, as it sets them.
        values: every parameter with its value, in the option's order.
    """

    ident: str
    name: str
    label: str
    title: str
    asked: Cite
    given: tuple[tuple[str, object], ...]
    values: tuple[tuple[str, object], ...]

    def as_json(self) -> dict[str, Json]:
        """Every field by name; parameters as objects."""
        return {
            "ident": self.ident,
            "name": self.name,
            "label": self.label,
            "title": self.title,
            "asked": str(self.asked),
            "given": {name: field_json(value) for name, value in self.given},
            "values": {name: field_json(value) for name, value in self.values},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace(Pictured):
    """One run.

    Attributes:
        about: the scenario's description.
        option: the option that it was run under.
        machine: the guest before the first action.
        steps: the steps, as a tree in preorder; ``steps[i].index == i``.
        outcome: the verdict, computed from the steps.
        builtin: whether the scenario is the built-in of its name, word for word.
        registered: for a part of a session, the registrations that existed before it.
        scenario: the scenario that was run; None for a session's own trace.
    """

    about: About
    option: OptionView
    machine: GuestSnapshot
    steps: tuple[Node, ...]
    outcome: Outcome
    builtin: bool = field(default=False, compare=False)
    registered: tuple[TlbInsert, ...] = ()
    scenario: Scenario | None = field(default=None, compare=False, repr=False)

    @property
    def notes(self) -> tuple[StepNote, ...]:
        """The scenario's bookmarks and notes on steps of this run."""
        notes = self.scenario.notes if self.scenario is not None else ()
        return tuple(note for note in notes if note.option in ("", self.option.label))

    def __len__(self) -> int:
        return len(self.steps)

    def __repr__(self) -> str:
        return (
            f"<Trace {self.about.name} under {self.option.label}: {len(self.steps)} steps, "
            f"{self.outcome.status}>"
        )

    def text(
        self,
        step: int | None = None,
        *,
        view: str = "path",
        unicode: bool = False,
        folded: bool = True,
        legend: bool = False,
    ) -> str:
        """The run as text of 72 columns.

        Args:
            step: only that step, from 0; default: all of them, or with another view than
                ``"path"`` the last.
            view: ``"path"``; ``"map"``, the address-space map; ``"registered"``, the
                registered buffers.
            unicode: box characters instead of ASCII.
            folded: one line for what repeats in the whole path.
            legend: below it, what the terms of this run mean.

        Raises:
            MachineError: there is no such view or step.
        """
        return text_of(self, step=step, view=view, unicode=unicode, folded=folded, legend=legend)

    def svg(self, step: int | None = None, *, view: str = "", theme: str = "light") -> str:
        """A view of the run as an SVG document.

        Args:
            step: from 0; default: where the first copy goes wrong, or else where it ends.
            view: ``"stepper"`` (default), ``"map"``, ``"path"`` or ``"registered"``.
            theme: ``"light"`` or ``"dark"``.

        Raises:
            MachineError: there is no such view, theme or step.
        """
        return svg_of(self, step=step, view=view, theme=theme)

    def children(self, index: int) -> tuple[Node, ...]:
        """The steps directly under a step (-1: the outermost ones)."""
        return tuple(node for node in self.steps if node.parent == index)

    def ancestors(self, index: int) -> tuple[Node, ...]:
        """The steps around a step, outermost first."""
        found = []
        at = self.steps[index].parent
        while at >= 0:
            found.append(self.steps[at])
            at = self.steps[at].parent
        return tuple(reversed(found))

    def to_json(self, step: int | None = None) -> bytes:
        """The trace as UTF-8 JSON, one step on each line; same scenario, same bytes.

        With ``step`` (from 0), that step's line alone.

        Addresses and frame numbers are hex strings.  A step's ``cite`` is an
        index into ``cites``.  Fields of a step that are None or empty text are
        left out.
        """
        cites: dict[str, int] = {}
        stood = [Node(-1, -1, 0, one) for one in self.registered]
        before = list(_as_records(stood, cites))
        steps = [_dumped(record) for record in _as_records(self.steps, cites)]
        if step is not None:
            return f"{steps[step]}\n".encode()
        head = {
            "schema": TRACE_SCHEMA,
            "scenario": self.about.as_json(),
            "option": self.option.as_json(),
            "machine": self.machine.as_json(),
            "outcome": self.outcome.as_json(),
            "cites": list(cites),
            **({"registered": before} if before else {}),
        }
        parts = [f"{_dumped(name)}:{_dumped(value)}" for name, value in head.items()]
        body = ",\n".join(steps)
        return ("{" + ",\n".join(parts) + ',\n"steps":[\n' + body + "\n]}\n").encode()


def _as_records(nodes: Iterable[Node], cites: dict[str, int]) -> Iterator[dict[str, Json]]:
    for node in nodes:
        record = node.step.as_json()
        cite = str(record.pop("cite"))
        kept = {
            key: _hex(value) if key in node.step.as_hex else value
            for key, value in record.items()
            if value is not None and value != ""
        }
        yield {
            "i": node.index,
            "parent": node.parent,
            "depth": node.depth,
            **kept,
            "cite": cites.setdefault(cite, len(cites)),
        }


def _hex(value: Json) -> Json:
    if isinstance(value, list):
        return [_hex(item) for item in value]
    return f"{value:#x}" if isinstance(value, int) else value


def _dumped(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

"""Outcome of a run, computed from its recorded steps and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

from xenexplore.steps import (
    Check,
    CopyFailed,
    Fault,
    FaultKind,
    Hazard,
    Json,
    Move,
    Node,
    Phase,
    PhaseName,
    PteRead,
    Refusal,
    Return,
    Status,
    Step,
    TlbInsert,
    TlbPurge,
    UncheckedAccess,
    field_json,
)

__all__ = ["GRAVEST", "Counts", "Outcome", "counts_of", "outcome_of", "step_status"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Number of events of each kind; every field is a sum over steps."""

    exits: int = 0
    copies: int = 0
    walks: int = 0
    pte_reads: int = 0
    p2m_lookups: int = 0
    p2m_entry_reads: int = 0
    tlb_lookups: int = 0
    tlb_hits: int = 0
    tlb_compares: int = 0
    tlb_inserts: int = 0
    tlb_purges: int = 0
    list_reads: int = 0
    bytes_from_guest: int = 0
    bytes_to_guest: int = 0
    register_bytes: int = 0
    guest_translations: int = 0
    guest_bytes_copied: int = 0
    guest_bytes_written: int = 0
    flips: int = 0
    unchecked: int = 0

    def __sub__(self, other: Counts) -> Counts:
        return Counts(
            **{f.name: getattr(self, f.name) - getattr(other, f.name) for f in fields(self)}
        )

    def as_json(self) -> dict[str, Json]:
        """Every count by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def counts_of(nodes: Iterable[Node]) -> Counts:
    """Sum up the steps.  A walk is a piece with an entry read, or a fault before the first.

    A miss that must not be walked (encrypted guests) is a fault but no walk.
    """
    sums: dict[str, int] = {}
    walked: set[int] = set()
    for node in nodes:
        for name, value in node.step.tally().items():
            sums[name] = sums.get(name, 0) + value
        if isinstance(node.step, PteRead) or (
            isinstance(node.step, Fault)
            and node.step.linear is not None
            and node.step.what is not FaultKind.TLB_MISS
            and node.parent >= 0
        ):
            walked.add(node.parent)
    sums["walks"] = len(walked)
    return Counts(**sums)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A run's verdict.

    Attributes:
        status: ``"right"``: all bytes moved to or from the frames that the caller meant;
            ``"wrong"``: some moved elsewhere, as ciphertext, or not at all, without an error;
            ``"error"``: a call, a multicall's entry or a check failed;
            ``"refused"``: the option does not support it.
        result: RAX of the last hypercall (0, a number, or -errno), or None if there was none.
        right_bytes: bytes that moved to or from the frames that the caller meant.
        wrong_bytes: bytes that moved from or to another frame, that arrived as ciphertext or
            garbage, or that Xen dropped.
        lost_checks: unchecked accesses that today's walk would have rejected.
        hazards: names of the hazards observed, in order.
        refusals: the reasons for refusals.
        setup: counts of the setup.
        calls: counts of everything after the setup.
    """

    status: Status
    result: int | None
    right_bytes: int
    wrong_bytes: int
    lost_checks: int
    hazards: tuple[str, ...]
    refusals: tuple[str, ...]
    setup: Counts
    calls: Counts

    def as_json(self) -> dict[str, Json]:
        """The verdict as JSON."""
        record: dict[str, Json] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            record[field.name] = value.as_json() if isinstance(value, Counts) else field_json(value)
        return record


GRAVEST = (Status.REFUSED, Status.WRONG, Status.ERROR, Status.RIGHT)
"""Verdicts of steps: a run's is the first of these that one of its steps has."""


def step_status(step: Step) -> Status:
    """Status that one step gives its run; right, if it has none."""
    match step:
        case Refusal():
            return Status.REFUSED
        case Move():
            return Status.RIGHT if step.right or not step.size else Status.WRONG
        case CopyFailed():
            return Status.ERROR
        case Return():
            return Status.ERROR if step.value < 0 else Status.RIGHT
        case Check():
            return Status.RIGHT if step.passed else Status.ERROR
        case TlbInsert() | TlbPurge():
            return Status.ERROR if step.result else Status.RIGHT
        case _:
            return Status.RIGHT


def outcome_of(nodes: tuple[Node, ...]) -> Outcome:
    """The verdict over a recorded run."""
    steps = [node.step for node in nodes]
    moves = [step for step in steps if isinstance(step, Move)]
    refusals = tuple(step.reason for step in steps if isinstance(step, Refusal))
    returns = [step.value for step in steps if isinstance(step, Return)]
    found = {step_status(step) for step in steps}
    setup = _setup(nodes)
    once = counts_of(setup)
    return Outcome(
        status=next((status for status in GRAVEST if status in found), Status.RIGHT),
        result=returns[-1] if returns else None,
        right_bytes=sum(move.size for move in moves if move.right),
        wrong_bytes=sum(move.size for move in moves if not move.right),
        lost_checks=sum(1 for s in steps if isinstance(s, UncheckedAccess) and s.would_fail),
        hazards=tuple(s.name for s in steps if isinstance(s, Hazard)),
        refusals=refusals,
        setup=once,
        calls=counts_of(nodes) - once,
    )


def _setup(nodes: tuple[Node, ...]) -> list[Node]:
    """Nodes under a setup phase."""
    inside: set[int] = set()
    found = []
    for node in nodes:
        if node.parent in inside:
            inside.add(node.index)
            found.append(node)
        elif isinstance(node.step, Phase) and node.step.name is PhaseName.SETUP:
            inside.add(node.index)
    return found

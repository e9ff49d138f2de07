"""Every recorded access under an option: the verdict for each, and what it costs.

A second implementation of what :mod:`xenexplore.hypervisor` does step by step,
for speed; a property test holds its counts to that machine's.  What the
guest must do per buffer (translate, copy, list) rests on
:mod:`xenexplore.analysis.workload.call_buffers` and is a lower bound.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xenexplore.analysis.replay.design import Design
from xenexplore.analysis.replay.guest_work import Prepared, prepare
from xenexplore.analysis.replay.registrations import registrations
from xenexplore.analysis.replay.static_table import StaticTable
from xenexplore.analysis.workload.page_sizes import PageSizes
from xenexplore.analysis.workload.tables import Workload
from xenexplore.hypervisor.outcome import Counts
from xenexplore.options.registry import make_option, option_class
from xenexplore.recording.format.columns import Columns

__all__ = ["ReplayVerdicts", "Replayed", "Verdict", "replay", "replay_all"]

_NO_PV = "PV guests: no option but today's interface"


class Verdict(enum.IntEnum):
    """What an option does with an access."""

    DIRECT = 0  # PV: Xen dereferences the address, the CPU walks
    WALK = 1  # the guest's tables are walked for some of it
    HIT = 2  # registered buffers serve all of it
    FAIL = 3  # a miss that must not be walked
    PHYSICAL = 4  # by guest-physical address
    LIST = 5  # by a list of frames
    REGISTER = 6  # in registers
    BOUNCE = 7  # in the bounce page
    REFUSED = 8  # the option cannot carry the call


@dataclass(frozen=True, slots=True)
class ReplayVerdicts(Columns):
    """One row per access, in the order of ``Workload.inside(domain)``.

    Attributes:
        verdict: uint8: a :class:`Verdict`.
        entry: int32: slot of the registered buffer that serves the first byte, or -1.
        walks: int64: pages walked.
        compares: int64: entries compared.
    """

    verdict: NDArray[np.uint8]
    entry: NDArray[np.int32]
    walks: NDArray[np.int64]
    compares: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Replayed:
    """One domain's hypercalls under one design.

    Attributes:
        design: what was replayed; ``domain``: whose hypercalls.
        hypercalls: how many were recorded; ``refused``: those it cannot carry.
        why: the most frequent reasons for refusal, with counts; a refusal of
            everything has one.
        verdicts: per access.
        entries: registered buffers in one table (registered before the first call).
        setup: counts of registering them in every table.
        counts: counts of the calls that it carries.
    """

    design: Design
    domain: int
    hypercalls: int
    refused: int
    why: tuple[tuple[str, int], ...]
    verdicts: ReplayVerdicts
    entries: int
    setup: Counts
    counts: Counts

    @property
    def reads_per_call(self) -> float:
        """What Xen reads to find the bytes, for each hypercall that the design carries.

        Page-table entries, P2M entries and list elements; 0 where it carries none.
        """
        carried = self.hypercalls - self.refused
        counts = self.counts
        reads = counts.pte_reads + counts.p2m_entry_reads + counts.list_reads
        return reads / carried if carried else 0.0

    def share(self, *wanted: Verdict) -> float:
        """Share of accesses with one of these verdicts (0 where there are none)."""
        if not len(self.verdicts):
            return 0.0
        return float(np.isin(self.verdicts.verdict, wanted).mean())


@dataclass(slots=True)
class _Found:
    """Per access: verdict, and the numbers that become counts."""

    verdict: NDArray[np.uint8]
    entry: NDArray[np.int32]
    walks: NDArray[np.int64]
    compares: NDArray[np.int64]
    lookups: NDArray[np.int64]
    hits: NDArray[np.int64]
    pieces: NDArray[np.int64]
    list_reads: NDArray[np.int64]


def replay(
    workload: Workload, what: Design, domain: int, shape: PageSizes | None = None
) -> Replayed:
    """Replay one domain's accesses inside hypercalls under one design.

    Each access is judged by itself: a failed one does not stop its hypercall.

    Raises:
        MachineError: a registration that the domain's layout does not allow.
    """
    shape = shape if shape is not None else PageSizes()
    rows = workload.inside(domain)
    calls = len(workload.calls_of(domain))
    pv = workload.domains[domain].kind == "pv"
    found = _nothing(len(rows))
    reason = _refuses_all(what, pv=pv)
    if reason:
        found.verdict[:] = Verdict.REFUSED
        return _result(workload, what, domain, shape, found, None, reason, calls)
    if pv:
        found.verdict[:] = Verdict.DIRECT
        prepared = Prepared.nothing()
        return _result(workload, what, domain, shape, found, prepared, "", calls)
    prepared = prepare(workload, what, domain)
    table = None
    if what.option in _REGISTERED:
        table = _table(workload, what, domain, prepared)
        _registered(workload, what, rows, found, table)
    else:
        _plain(workload, what, rows, found)
    _resolve(workload, what, rows, found, prepared)
    found.verdict[np.isin(workload.accesses.call[rows], prepared.refused)] = Verdict.REFUSED
    return _result(workload, what, domain, shape, found, prepared, "", calls, table)


def replay_all(
    workload: Workload, designs: Iterable[Design], shape: PageSizes | None = None
) -> tuple[Replayed, ...]:
    """Every design for every domain, design by design."""
    return tuple(
        replay(workload, what, domain.index, shape)
        for what in designs
        for domain in workload.domains
    )


_REGISTERED = ("software-tlb", "giant-map", "gfn-lists")


def _refuses_all(what: Design, *, pv: bool) -> str:
    """Why no call at all can be made under a design, or ``""``."""
    option = option_class(what.option)
    if not option.specified:
        return option.title
    if pv and what.option not in ("linear-walk", "phys-twins"):
        return _NO_PV
    if what.option == "giant-map" and what.encrypted:
        return "meant for unencrypted guests: what the entry covers is private memory"
    if what.values.get("mode") == "flip" and not what.encrypted:
        return "the guest is not encrypted: there is no state to flip"
    return ""


def _nothing(count: int) -> _Found:
    def zeros() -> NDArray[np.int64]:
        return np.zeros(count, np.int64)

    none = np.full(count, -1, np.int32)
    return _Found(
        np.zeros(count, np.uint8), none, zeros(), zeros(), zeros(), zeros(), zeros(), zeros()
    )


def _plain(workload: Workload, what: Design, rows: NDArray[np.int64], found: _Found) -> None:
    """By linear address, or by physical address: one piece per page."""
    found.pieces = workload.accesses.pages()[rows]
    if what.option in ("linear-walk", "phys-twins"):
        found.walks = found.pieces.copy()
        found.verdict[:] = Verdict.FAIL if what.encrypted else Verdict.WALK
        if what.encrypted:
            found.pieces[:] = found.walks[:] = 0
        return
    found.verdict[:] = Verdict.PHYSICAL
    if what.option == "number-bit" and what.values.get("privcmd", "linear") == "linear":
        user = workload.calls.user[workload.accesses.call[rows]]
        found.verdict[user] = Verdict.WALK
        found.walks[user] = found.pieces[user]


def _table(workload: Workload, what: Design, domain: int, prepared: Prepared) -> StaticTable:
    option = make_option(what.option, dict(what.values))
    entries = registrations(workload, domain, what.words) + prepared.own_entries
    return StaticTable(
        entries,
        capacity=option.number("entries") or None,
        policy=option.text("policy"),  # type: ignore[arg-type]
        search=option.text("search"),  # type: ignore[arg-type]
    )


def _tables(workload: Workload, what: Design, domain: int) -> int:
    """How many tables there are to fill: one for each vCPU that makes calls, or one."""
    if what.values.get("scope", "vcpu") == "domain":
        return 1
    vcpu = workload.calls.vcpu[workload.calls_of(domain)]
    return len(np.unique(vcpu)) if len(vcpu) else 1


def _registered(
    workload: Workload, what: Design, rows: NDArray[np.int64], found: _Found, table: StaticTable
) -> None:
    option = make_option(what.option, dict(what.values))
    miss = option.text("miss")
    walk = miss == "walk" or (miss == "auto" and not what.encrypted)
    accesses = workload.accesses
    got = table.look_up(
        accesses.address[rows],
        accesses.size[rows].astype(np.uint64),
        straddle=option.text("straddle"),  # type: ignore[arg-type]
        walk=walk,
    )
    found.entry, found.walks, found.compares = got.slot, got.walks, got.compares
    found.lookups, found.hits, found.pieces = got.lookups, got.hits, got.pieces
    found.verdict[:] = np.where(
        got.failed, Verdict.FAIL, np.where(got.walks > 0, Verdict.WALK, Verdict.HIT)
    )


def _resolve(
    workload: Workload, what: Design, rows: NDArray[np.int64], found: _Found, prepared: Prepared
) -> None:
    """What an option does instead of walking or looking up."""
    if what.option in ("address-bits", "sg-policy", "gfn-lists"):
        _list(workload, rows, found, prepared)
    elif what.option == "fastabi":
        found.verdict[:] = Verdict.REGISTER
        found.pieces[:] = 0
    elif what.option == "bounce" and what.values.get("mode") != "flip":
        # A page holds all that a carried call copies: no access crosses one.
        found.verdict[:] = Verdict.BOUNCE
        found.pieces[:] = 1


def _list(workload: Workload, rows: NDArray[np.int64], found: _Found, prepared: Prepared) -> None:
    """A gfn-array: slot 0 and one slot per page, for each access of a listed buffer."""
    listed = prepared.listed(workload.accesses, rows)
    found.verdict[listed] = Verdict.LIST
    found.list_reads[listed] = 1 + workload.accesses.pages()[rows][listed]
    found.pieces[listed] = workload.accesses.pages()[rows][listed]
    # A list in a registered page is found by one look-up of its own.
    if prepared.list_slot is not None:
        found.walks[listed] = 0
        found.lookups[listed] = found.hits[listed] = 1
        found.entry[listed] = prepared.list_slot
        found.compares[listed] = prepared.list_slot + 1


def _result(
    workload: Workload, what: Design, domain: int, shape: PageSizes, found: _Found,
    prepared: Prepared | None, reason: str, calls: int, table: StaticTable | None = None,
) -> Replayed:  # fmt: skip
    rows = workload.inside(domain)
    done = found.verdict != Verdict.REFUSED
    verdicts = ReplayVerdicts(found.verdict, found.entry, found.walks, found.compares)
    entries = len(table) if table is not None else 0
    asked = table.inserted * _tables(workload, what, domain) if table is not None else 0
    if prepared is None:
        return Replayed(what, domain, calls, calls, ((reason, calls),), verdicts, 0,
                        Counts(), Counts())  # fmt: skip
    pv = workload.domains[domain].kind == "pv"
    judged = not pv and not what.encrypted
    counts = _counts(workload, rows, found, done, shape, prepared, calls, judged=judged)
    setup = Counts(exits=asked, tlb_inserts=asked)
    if what.option == "bounce" and what.encrypted and what.values.get("mode") != "flip":
        setup = Counts(flips=_tables(workload, what, domain))
    return Replayed(what, domain, calls, len(prepared.refused), prepared.why, verdicts, entries,
                    setup, counts)  # fmt: skip


def _counts(
    workload: Workload, rows: NDArray[np.int64], found: _Found, done: NDArray[np.bool_],
    shape: PageSizes, prepared: Prepared, calls: int, *, judged: bool,
) -> Counts:  # fmt: skip
    accesses = workload.accesses
    walks = found.walks[done]
    reads = walks * shape.pte_reads(workload.regions)[accesses.region[rows][done]]
    # Each walk looks up CR3's frame, each lower table and the final frame:
    # one more look-up than entries read.  Moving a piece takes one more.
    p2m = int((reads + walks).sum() + found.pieces[done].sum() + found.list_reads[done].sum())
    size = accesses.size[rows][done].astype(np.int64)
    inward = accesses.way[rows][done] == 0
    by_memory = found.verdict[done] != Verdict.REGISTER
    failed = found.verdict[done] == Verdict.FAIL
    moved = by_memory & ~failed
    unchecked = found.pieces[done].sum() - walks.sum()
    return Counts(
        exits=calls - len(prepared.refused),
        copies=int(done.sum()),
        walks=int(walks.sum()),
        pte_reads=int(reads.sum()),
        p2m_lookups=p2m,
        p2m_entry_reads=p2m * shape.entry_reads,
        tlb_lookups=int(found.lookups[done].sum()),
        tlb_hits=int(found.hits[done].sum()),
        tlb_compares=int(found.compares[done].sum()),
        list_reads=int(found.list_reads[done].sum()),
        bytes_from_guest=int(size[inward & moved].sum()),
        bytes_to_guest=int(size[~inward & moved].sum()),
        register_bytes=prepared.register_bytes,
        guest_translations=prepared.translations,
        guest_bytes_copied=prepared.bytes_copied,
        guest_bytes_written=prepared.bytes_written,
        flips=prepared.flips,
        # Encrypted: nobody can say what the walk would have checked.
        unchecked=int(unchecked) if judged else 0,
    )

"""Every recorded access under an option: the verdict for each, and what it costs.

A second implementation of what :mod:`xenexplore.hypervisor` does step by step,
for speed, from what each design declares of itself
(:mod:`xenexplore.hypervisor.replay_model`); tests hold every design's counts to that
machine's.  What the
guest must do per buffer (translate, copy, list) rests on
:mod:`xenexplore.analysis.workload.call_buffers` and is a lower bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from xenexplore.addr import PAGE_SIZE, Gpa, Gva
from xenexplore.analysis.replay.design import replay_model
from xenexplore.analysis.replay.guest_work import Prepared, prepare
from xenexplore.analysis.replay.registrations import registrations
from xenexplore.analysis.replay.replayed import AccessVerdict, Replayed, ReplayVerdicts
from xenexplore.analysis.replay.static_table import Lookups, StaticTable
from xenexplore.analysis.workload.page_sizes import PageSizes
from xenexplore.analysis.workload.tables import Workload
from xenexplore.hypervisor.design import Design
from xenexplore.hypervisor.outcome import Counts
from xenexplore.hypervisor.replay_model import (
    RecordedAccesses,
    RecordedGuest,
    ReplayModel,
    Resolution,
)
from xenexplore.options.variant import Variant
from xenexplore.tlb import TlbEntry

__all__ = ["replay"]


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
    recalled: NDArray[np.int64]


def replay(
    workload: Workload,
    what: Variant,
    domain: int,
    shape: PageSizes | None = None,
    *,
    encrypted: bool = False,
) -> Replayed:
    """Replay one domain's accesses inside hypercalls under one design.

    Each access is judged by itself: a failed one does not stop its hypercall.

    Args:
        workload: the recorded accesses.
        what: the design, of the registry or not.
        domain: index of the domain.
        shape: page sizes assumed.
        encrypted: as if the guest's tables could not be walked.

    Raises:
        MachineError: the design has no replay model, or not for these parameters;
            a registration that the domain's layout does not allow.
        RecordingError: the domain made its hypercalls without paging.
    """
    workload.need_paging(domain)
    model = replay_model(what)
    shape = shape if shape is not None else PageSizes()
    run = _Run(workload, what, model, domain, shape, encrypted)
    found = _nothing(len(run.rows))
    reason = model.refuses(RecordedGuest(pv=run.pv, encrypted=encrypted))
    if reason:
        found.verdict[:] = AccessVerdict.REFUSED
        return _result(run, found, None, reason)
    if run.pv:
        found.verdict[:] = AccessVerdict.DIRECT
        return _result(run, found, Prepared.nothing(), "")
    prepared = prepare(workload, model, domain)
    resolution = model.resolves()
    table = _table(run) if resolution is Resolution.SEARCH else None
    if table is not None:
        _searched(run, found, table)
    else:
        _plain(run, found, resolution)
    _list(run, found, prepared, table)
    found.verdict[np.isin(workload.accesses.call[run.rows], prepared.refused)] = (
        AccessVerdict.REFUSED
    )
    return _result(run, found, prepared, "", table)


class _Run:
    """One domain under one design: what the functions below share."""

    def __init__(
        self, workload: Workload, what: Variant, model: ReplayModel, domain: int, shape: PageSizes,
        encrypted: bool,
    ) -> None:  # fmt: skip
        self.workload = workload
        self.what = what
        self.model = model
        self.domain = domain
        self.shape = shape
        self.encrypted = encrypted
        self.rows = workload.inside(domain)
        self.calls = len(workload.calls_of(domain))
        self.pv = workload.domains[domain].kind == "pv"

    def callers(self) -> int:
        """Number of vCPUs that make calls, at least one."""
        vcpu = self.workload.calls.vcpu[self.workload.calls_of(self.domain)]
        return len(np.unique(vcpu)) if len(vcpu) else 1

    def recorded(self) -> RecordedAccesses:
        """The accesses, as far as a replay model may see them."""
        accesses, rows = self.workload.accesses, self.rows
        return RecordedAccesses(
            address=accesses.address[rows],
            size=accesses.size[rows].astype(np.int64),
            pages=accesses.pages()[rows],
            call=accesses.call[rows],
            writes=accesses.way[rows] != 0,
            user=self.workload.calls.user[accesses.call[rows]],
            vcpu=self.workload.calls.vcpu[accesses.call[rows]],
            switches=np.cumsum((accesses.domain == self.domain) & ~accesses.inside)[rows],
        )


def _nothing(count: int) -> _Found:
    def zeros() -> NDArray[np.int64]:
        return np.zeros(count, np.int64)

    none = np.full(count, -1, np.int32)
    return _Found(
        np.zeros(count, np.uint8),
        none,
        zeros(),
        zeros(),
        zeros(),
        zeros(),
        zeros(),
        zeros(),
        zeros(),
    )


_VERDICTS = {
    Resolution.WALK: AccessVerdict.WALK,
    Resolution.PHYSICAL: AccessVerdict.PHYSICAL,
    Resolution.REGISTERS: AccessVerdict.REGISTER,
    Resolution.BOUNCE: AccessVerdict.BOUNCE,
}


def _plain(run: _Run, found: _Found, resolution: Resolution) -> None:
    """Without a table: one piece per page, walked if the handle is a linear address."""
    accesses = run.recorded()
    found.verdict[:] = _VERDICTS[resolution]
    if resolution is Resolution.REGISTERS:
        found.pieces[:] = 0
    elif resolution is Resolution.BOUNCE:
        # A page holds all that a carried call copies: no access crosses one.
        found.pieces[:] = 1
    else:
        found.pieces[:] = accesses.pages
    walked = np.zeros(len(run.rows), np.bool_)
    walked |= resolution is Resolution.WALK
    walked |= run.model.linear(accesses)
    pages = 0 if run.encrypted else accesses.pages[walked]
    found.verdict[walked] = AccessVerdict.FAIL if run.encrypted else AccessVerdict.WALK
    found.pieces[walked] = pages
    found.walks[walked] = 0 if run.encrypted else run.model.walks(accesses)[walked]
    recalled = None if run.encrypted else run.model.recalls(accesses)
    if recalled is not None:
        found.recalled[:] = found.hits[:] = recalled
        found.lookups[:] = found.compares[:] = accesses.pages
        found.walks -= recalled
        found.verdict[found.walks == 0] = AccessVerdict.HIT


def _table(run: _Run) -> StaticTable:
    """The registered ranges, as the option's parameters would have them."""
    option = run.model.option
    entries = registrations(run.workload, run.domain, run.model.registers())
    table = _filled(option, entries)
    if run.model.lists_registered and _list_page(table) is _OWN_PAGE:
        own = run.callers() if option.text("scope") == "domain" else 1
        pages = tuple(_own_page(_OWN_PAGE, number) for number in range(own))
        table = _filled(option, entries + pages)
    return table


def _filled(option: Design, entries: Sequence[TlbEntry]) -> StaticTable:
    return StaticTable(
        entries,
        capacity=option.number("entries") or None,
        policy=option.text("policy"),  # type: ignore[arg-type]
        search=option.text("search"),  # type: ignore[arg-type]
    )


# Where no other entry covers the page of lists: an address that no region uses.
_OWN_PAGE = TlbEntry(Gva(0xFFFF_8000_0000_0000), Gpa(0), PAGE_SIZE, True, None, "list page")


def _list_page(table: StaticTable) -> TlbEntry:
    """The entry that the page of lists is found in: kmalloc'ed, so the directmap's or its own."""
    held = (one.entry for one in table.held)
    return next((entry for entry in held if entry.label == "directmap"), _OWN_PAGE)


def _own_page(entry: TlbEntry, number: int) -> TlbEntry:
    """One vCPU's page of lists; a table of the whole domain has one for each."""
    return replace(entry, va=entry.va + number * PAGE_SIZE, pa=entry.pa + number * PAGE_SIZE)


def _walks_misses(run: _Run) -> bool:
    """Whether a miss is walked with success: an encrypted guest's tables give garbage."""
    return run.model.option.text("miss") != "fail" and not run.encrypted


def _look_up(
    run: _Run, table: StaticTable, address: NDArray[np.uint64], size: NDArray[np.uint64]
) -> Lookups:
    return table.look_up(
        address,
        size,
        straddle=run.model.option.text("straddle"),  # type: ignore[arg-type]
        walk=_walks_misses(run),
    )


def _searched(run: _Run, found: _Found, table: StaticTable) -> None:
    accesses = run.workload.accesses
    got = _look_up(
        run, table, accesses.address[run.rows], accesses.size[run.rows].astype(np.uint64)
    )
    found.entry, found.walks, found.compares = got.slot, got.walks, got.compares
    found.lookups, found.hits, found.pieces = got.lookups, got.hits, got.pieces
    found.verdict[:] = np.where(
        got.failed,
        AccessVerdict.FAIL,
        np.where(got.walks > 0, AccessVerdict.WALK, AccessVerdict.HIT),
    )


def _list(run: _Run, found: _Found, prepared: Prepared, table: StaticTable | None) -> None:
    """A gfn-array: slot 0 and one slot per page, for each access of a listed buffer."""
    accesses = run.workload.accesses
    listed = prepared.listed(accesses, run.rows)
    if not listed.any():
        return
    pages = accesses.pages()[run.rows][listed]
    found.verdict[listed] = AccessVerdict.LIST
    found.list_reads[listed] = 1 + pages
    found.pieces[listed] = pages
    if table is None or not run.model.lists_registered:
        return
    # A list in a registered page is found by one lookup of its first word.
    page = _list_page(table)
    got = _look_up(run, table, np.array([page.va.value], np.uint64), np.array([8], np.uint64))
    for name in ("walks", "lookups", "hits", "compares"):
        getattr(found, name)[listed] = getattr(got, name)[0]
    found.entry[listed] = got.slot[0]
    if got.failed[0]:
        found.verdict[listed] = AccessVerdict.FAIL
        found.list_reads[listed] = found.pieces[listed] = 0


def _result(
    run: _Run, found: _Found, prepared: Prepared | None, reason: str,
    table: StaticTable | None = None,
) -> Replayed:  # fmt: skip
    done = found.verdict != AccessVerdict.REFUSED
    verdicts = ReplayVerdicts(found.verdict, found.entry, found.walks, found.compares)
    calls = run.calls
    if prepared is None:
        return Replayed(run.what, run.domain, calls, calls, ((reason, calls),), verdicts, 0,
                        Counts(), Counts())  # fmt: skip
    setup = Counts(flips=run.model.shares() * run.callers() if run.encrypted else 0)
    if table is not None:
        shared = run.model.option.text("scope") == "domain"
        asked = table.inserted * (1 if shared else run.callers())
        setup = replace(setup, exits=asked, tlb_inserts=asked)
    counts = _counts(run, found, done, prepared)
    return Replayed(run.what, run.domain, calls, len(prepared.refused), prepared.why, verdicts,
                    len(table) if table is not None else 0, setup, counts,
                    counts if run.pv else _today(run, done, prepared))  # fmt: skip


def _today(run: _Run, done: NDArray[np.bool_], prepared: Prepared) -> Counts:
    """The same calls by today's walk: one walk for each page."""
    found = _nothing(len(run.rows))
    pages = run.recorded().pages
    found.verdict[:] = AccessVerdict.WALK
    found.pieces[:] = found.walks[:] = pages
    return _counts(run, found, done, replace(Prepared.nothing(), refused=prepared.refused))


def _counts(
    run: _Run, found: _Found, done: NDArray[np.bool_], prepared: Prepared
) -> Counts:  # fmt: skip
    accesses, rows, shape = run.workload.accesses, run.rows, run.shape
    walks = found.walks[done]
    reads = walks * shape.pte_reads(run.workload.regions)[accesses.region[rows][done]]
    # Each walk looks up CR3's frame, each lower table and the final frame:
    # one more lookup than entries read.  Moving a piece takes one more.
    p2m = int((reads + walks).sum() + found.pieces[done].sum() + found.list_reads[done].sum())
    size = accesses.size[rows][done].astype(np.int64)
    inward = accesses.way[rows][done] == 0
    by_memory = found.verdict[done] != AccessVerdict.REGISTER
    failed = found.verdict[done] == AccessVerdict.FAIL
    moved = by_memory & ~failed
    unchecked = found.pieces[done].sum() - walks.sum() - found.recalled[done].sum()
    return Counts(
        exits=run.calls - len(prepared.refused),
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
        # Encrypted: it is unknown what the walk would have checked.
        unchecked=int(unchecked) if not run.pv and not run.encrypted else 0,
    )

"""The figures of the built-in recordings, against other code and against the machine."""

from __future__ import annotations

import functools
import itertools
import json
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
import zstandard

from xenexplore.addr import Gfn, Gva
from xenexplore.analysis.measures.buffer_sizes import sizes
from xenexplore.analysis.measures.coverage import coverage
from xenexplore.analysis.measures.entries_needed import entries_needed
from xenexplore.analysis.measures.locality import locality
from xenexplore.analysis.measures.register_coverage import fast_coverage
from xenexplore.analysis.replay.design import DESIGNS, design
from xenexplore.analysis.replay.engine import replay
from xenexplore.analysis.replay.registrations import registrations
from xenexplore.analysis.replay.replayed import AccessVerdict
from xenexplore.analysis.replay.replays import replay_designs
from xenexplore.analysis.workload.page_sizes import PageSizes
from xenexplore.analysis.workload.tables import NO_FRAME, Workload, read_workload
from xenexplore.guest.domain import Domain
from xenexplore.guest.layout.regions import RegionKind
from xenexplore.guest.layout.symbols import read_kallsyms
from xenexplore.guest.spec import GuestSpec
from xenexplore.hypervisor.calls import HandleAccess
from xenexplore.hypervisor.copying import copy_from_guest, copy_to_guest
from xenexplore.hypervisor.outcome import counts_of
from xenexplore.hypervisor.xen import Xen
from xenexplore.options.registry import make_option
from xenexplore.recording.format.stream import built_in_path
from xenexplore.steps import Direction


@functools.cache
def workload(name: str) -> Workload:
    return read_workload(name, read_kallsyms(built_in_path("kallsyms.dom0")))


@functools.cache
def raw(name: str) -> list[dict]:
    with built_in_path(name).open("rb") as file:
        text = zstandard.ZstdDecompressor().stream_reader(file).read()
    return [json.loads(line) for line in text.splitlines()]


def naive(name: str) -> dict[str, list[tuple[int, int, int]]]:
    """Second implementation, of its own: (seq, address, bytes) of each domain's accesses.

    Accesses printed twice are told by their walks, as the recording's notes say.
    """
    owner: dict[int, str] = {}
    found: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
    rows = raw(name)
    first = next((row["vp"] for row in rows if row.get("k") == "hvm" and "vp" in row), None)
    for at, row in enumerate(rows):
        if "k" in row:
            owner[row["s"]] = (
                "pv" if row["k"] == "pv" else "none" if "vp" not in row
                else "first" if row["vp"] == first else "second"
            )  # fmt: skip
        elif "c" in row and "s" in row and row["l"]:
            after = rows[at + 1] if at + 1 < len(rows) else {}
            twice = row["c"].startswith("H") and after == row
            if not twice:
                found[owner[row["s"]]].append((row["s"], row["va"], row["l"]))
    return found


DIRECTMAP = range(0xFFFF_8880_0000_0000, 0xFFFF_C880_0000_0000)
IMAGE = range(0xFFFF_FFFF_8000_0000, 0xFFFF_FFFF_C000_0000)
VMALLOC = range(0xFFFF_C900_0000_0000, 0xFFFF_E900_0000_0000)
IRQ_STACK = range(0xFFFF_C900_0000_0000, 0xFFFF_C900_0000_4000)
CASES = [("pvh", 0, "first"), ("pvh", 1, "second")]


@pytest.mark.parametrize(("name", "domain", "who"), CASES)
def test_coverage_and_entries_against_a_naive_count(name: str, domain: int, who: str) -> None:
    seen = naive(name)[who]
    got = coverage(workload(name), domain)
    assert got.accesses == len(seen)
    total = len(seen)
    directmap = sum(va in DIRECTMAP for _, va, _ in seen)
    image = sum(va in IMAGE for _, va, _ in seen)
    vmalloc = sum(va in VMALLOC for _, va, _ in seen)
    assert got.directmap == pytest.approx(directmap / total)
    assert got.with_image == pytest.approx((directmap + image) / total)
    assert got.with_stacks == pytest.approx((directmap + image + vmalloc) / total)
    irq = sum(va in IRQ_STACK for _, va, _ in seen)
    assert got.with_irq == pytest.approx((directmap + image + irq) / total)
    assert (got.stacks.irq_accesses, got.stacks.irq_stacks) == (irq, 1)
    # An interrupt on its CPU's own stack is no change of task.
    stacks = [va >> 14 for _, va, _ in seen if va in VMALLOC and va not in IRQ_STACK]
    assert got.stacks.stacks == len(set(stacks))
    assert got.stacks.changes == sum(a != b for a, b in itertools.pairwise(stacks))
    pages = Counter(va >> 12 for _, va, _ in seen)
    needed = entries_needed(workload(name), domain)[0].needed
    for share, entries in zip((0.9, 0.99, 0.999, 1), needed, strict=True):
        served, used = 0, 0
        for _, count in pages.most_common():
            if served >= share * total:
                break
            served, used = served + count, used + 1
        assert entries == used


@pytest.mark.parametrize(("name", "domain", "who"), CASES)
def test_repeats_within_a_call_against_a_naive_count(name: str, domain: int, who: str) -> None:
    """A read's walk serves no write: hvm_copy_to_guest_linear() adds PFEC_write_access."""
    load = workload(name)
    seen = naive(name)[who]
    ways = load.accesses.way[load.inside(domain)].tolist()
    pieces = [
        (seq, page, way != 0)
        for (seq, va, size), way in zip(seen, ways, strict=True)
        for page in range(va >> 12, (va + size - 1 >> 12) + 1)
    ]
    last: tuple[int, int] | None = None
    last_writes = False
    known: dict[tuple[int, int], bool] = {}
    saved = saved_by_all = 0
    for seq, page, writes in pieces:
        if (seq, page) == last and (last_writes or not writes):
            saved += 1
        else:
            last, last_writes = (seq, page), writes
        if (seq, page) in known and (known[seq, page] or not writes):
            saved_by_all += 1
        else:
            known[seq, page] = writes
    got = locality(load, domain)
    assert got.pieces == len(pieces)
    assert (got.saved, got.saved_by_all) == (saved, saved_by_all)
    assert (got.saved, got.pieces) == {0: (31_029, 84_975), 1: (0, 2_974)}[domain]


def test_the_hardirq_stack_is_no_tasks() -> None:
    """dom0, dom1: accesses on it, their share; changes of task stacks; entries, tasks' whole.

    Everything on it is a timer that is set in an interrupt (VCPUOP_set_singleshot_timer).
    """
    expected = [(2214, 0.026, 126, 14, (1, 4, 15)), (1353, 0.455, 27, 6, (1, 6, 19))]
    load = workload("pvh")
    for domain, (accesses, share, changes, stacks, (one, *needed)) in enumerate(expected):
        got = coverage(load, domain)
        assert (got.stacks.irq_accesses, got.stacks.irq_stacks) == (accesses, one)
        (group,) = [g for g in got.groups if g.name.startswith("hardirq stack")]
        assert group.accesses == accesses
        assert group.share == pytest.approx(share, abs=0.0005)
        assert (got.stacks.changes, got.stacks.vcpu_exits) == (changes, 5 * changes)
        assert (got.stacks.stacks, got.stacks.task_entries) == (stacks, 4 * stacks)
        assert list(entries_needed(load, domain)[2].needed[:2]) == needed
        rows = load.inside(domain)
        on_it = load.accesses.call[rows[load.kind_mask(rows, RegionKind.IRQ_STACK)]]
        assert set(load.calls.number[on_it].tolist()) == {24}
        assert set(load.calls.sub_op[on_it].tolist()) == {8}
        # Registered whole, on the frames that Xen walked to.
        (entry,) = [e for e in registrations(load, domain, ("stack",)) if e.size > 4096]
        assert (entry.label, entry.size) == ("hardirq stack", 16 << 10)
        gfn = load.accesses.gfn[rows[load.kind_mask(rows, RegionKind.IRQ_STACK)]]
        assert set(gfn.tolist()) == {(entry.pa.value >> 12) + 3}
    shares = [
        (c.with_image, c.with_irq, c.with_stacks) for c in (coverage(load, 0), coverage(load, 1))
    ]
    assert [[f"{x:.1%}" for x in one] for one in shares] == [
        ["1.7%", "4.3%", "99.3%"], ["23.0%", "68.5%", "100.0%"],
    ]  # fmt: skip


def test_the_guests_own_tables_say_the_same_of_the_hardirq_stack() -> None:
    """A dump of this boot: GS base is the percpu base, and gfn = base + 0x2000 + page.

    The four pages in a row, with a guard page, from another guest's dump.
    """
    folder = Path(__file__).parents[1] / "data" / "images"
    checked = json.loads((folder / "xen-pvh" / "ptcheck.json").read_text())
    walks = json.loads((folder / "xen-pvh" / "walks.json").read_text())
    for domain, (at, seen) in enumerate(
        (at, seen) for at, seen in checked.items() if at.startswith("0x")
    ):
        layout = workload("pvh").spaces[domain].layout
        (irq,) = layout.named("hardirq stack")
        percpu = int(seen["gs_base"], 16)
        assert layout.to_physical(Gva(percpu + 0x2000)) == irq.physical
        assert int(walks[at][f"{irq.start.value + 0x3000:#x}"], 16) << 12 == (
            irq.physical.value + 0x3000
        )
    packed = (folder / "plain-96-nokaslr" / "info_tlb.txt.zst").read_bytes()
    rows = zstandard.ZstdDecompressor().stream_reader(packed).read().decode().splitlines()
    frames = [row.split()[:2] for row in rows if row.startswith("ffffc9000000")]
    assert [(int(va[:-1], 16) & 0xFFFF, int(pa, 16)) for va, pa in frames[:4]] == [
        (page << 12, 0x5802000 + (page << 12)) for page in range(4)
    ]
    assert int(frames[4][0][:-1], 16) > 0xFFFF_C900_0000_4FFF


def test_what_is_outside_hypercalls_is_the_registered_runstate_area() -> None:
    """pvh.chars.txt: 3250 + 1625 and 2844 + 1422 writes of 1 and 48 bytes, all in the directmap."""
    for domain, count in ((0, 4875), (1, 4266)):
        got = coverage(workload("pvh"), domain)
        assert (got.outside, got.outside_directmap) == (count, 1.0)


def test_the_characterisation_made_by_other_code() -> None:
    """pvh.chars.txt, pv.chars.txt: hypercalls, and distinct pages of each region."""
    expected = {
        ("pvh", 0): (38330, {RegionKind.VMALLOC: 15}),
        ("pvh", 1): (3060, {RegionKind.VMALLOC: 7, RegionKind.STACK: 1}),
        ("pv", 0): (262337, {RegionKind.VMALLOC: 29, RegionKind.STACK: 1}),
        ("pv", 1): (4014, {RegionKind.VMALLOC: 7, RegionKind.STACK: 1}),
    }
    # One of their vmalloc pages is CPU 0's hardirq stack.
    irq = "hardirq stack (vmap'ed percpu)"
    names = {RegionKind.VMALLOC: "vmalloc (task stacks)",
             RegionKind.STACK: "init_task's stack (image)"}  # fmt: skip
    for (name, domain), (hypercalls, pages) in expected.items():
        got = coverage(workload(name), domain)
        assert got.hypercalls == hypercalls
        by_name = {group.name: group.pages for group in got.groups}
        for kind, count in pages.items():
            more = by_name[irq] if kind is RegionKind.VMALLOC else 0
            assert by_name[names[kind]] + more == count
        assert by_name[irq] == 1
    # "user 478/26/2 (PVH dom0)": two of them are early boot's identity map.
    dom0 = {group.name: group for group in coverage(workload("pvh"), 0).groups}
    assert dom0["user (privcmd)"].pages + dom0["identity map, early boot"].pages == 26
    assert sizes(workload("pvh"), 0).crossing == 2
    assert sizes(workload("pv"), 0).crossing == 2
    assert sizes(workload("pvh"), 1).crossing == 0


def test_chunks_give_what_the_whole_gives() -> None:
    small, whole = read_workload("pvh", calls=700), read_workload("pvh")
    assert small.accesses.equal(whole.accesses)
    assert small.calls.equal(whole.calls)
    assert small.regions == whole.regions
    assert [s.layout.regions for s in small.spaces] == [s.layout.regions for s in whole.spaces]


def test_walks_are_those_that_xen_made() -> None:
    """pvh: one recorded walk for each page that today's interface is said to walk."""
    rows = raw("pvh")
    walks = sum("w" in row for row in rows)
    outside = sum("c" in row and "x" in row for row in rows)
    # A walk, too, can be printed twice; no access needs the same page twice in a row.
    twice = sum("w" in row and row == after for row, after in itertools.pairwise(rows))
    got = sum(replay(workload("pvh"), design("linear-walk"), d).counts.walks for d in (0, 1))
    assert got == walks - outside - twice
    assert twice == 1


def _sample(name: str, domain: int, count: int) -> np.ndarray:
    rows = workload(name).inside(domain)
    picked = np.linspace(0, len(rows) - 1, count).astype(int)
    # Pages are laid at their recorded frames: an access must lie in one.
    rows = rows[picked]
    return rows[workload(name).accesses.pages()[rows] == 1]


@pytest.mark.parametrize("order", [0, 9])
@pytest.mark.parametrize(("name", "domain"), [("pvh", 0), ("pvh", 1), ("pv", 1)])
def test_a_sample_costs_what_the_machine_counts(name: str, domain: int, order: int) -> None:
    load, rows = workload(name), _sample(name, domain, 150)
    kinds = (RegionKind.VMALLOC, RegionKind.STACK, RegionKind.IMAGE, RegionKind.USER)
    rows = rows[load.kind_mask(rows, *kinds)]
    for label, words in (
        ("linear-walk", ()),
        ("giant-map+image", ("directmap", "kernel-image")),
        ("software-tlb", ("directmap", "kernel-image", "stack")),
    ):
        what = design(label)
        guest = Domain(GuestSpec(p2m_order=order, memory=2 << 30))
        _lay_out(guest, load, rows)
        option = make_option(what.use, {} if label == "linear-walk" else dict(what.values))
        xen = Xen(guest, option)
        if words:
            option.values["register"] = ()
            option.setup(xen) if what.use == "software-tlb" else None
            if what.use == "giant-map":
                from xenexplore.hypervisor.registered import RegisteredBuffers

                option.tlb = RegisteredBuffers(xen, option)
            for entry in registrations(load, domain, words):
                small = _fit(entry, guest)
                assert option.tlb.insert_quietly(xen, 0, small).result == 0
        before = len(xen.nodes)
        for row in rows.tolist():
            _copy(xen, load, row)
        seen = counts_of(xen.nodes[before:])
        got = replay(load, what, domain, PageSizes(p2m_order=order))
        at = np.searchsorted(load.inside(domain), rows)
        assert got.verdicts.walks[at].sum() == seen.walks
        assert got.verdicts.compares[at].sum() == seen.tlb_compares
        hits = got.verdicts.verdict[at] == AccessVerdict.HIT
        assert hits.sum() == seen.tlb_hits
        leaf = PageSizes(p2m_order=order).pte_reads(load.regions)[load.accesses.region[rows]]
        reads = (got.verdicts.walks[at] * leaf).sum()
        assert reads == seen.pte_reads
        assert reads + seen.walks + len(rows) == seen.p2m_lookups


def _lay_out(guest: Domain, load: Workload, rows: np.ndarray) -> None:
    """Recorded pages at their recorded frames."""
    placed: set[int] = set()
    for row in rows[load.kind_mask(rows, RegionKind.VMALLOC, RegionKind.USER)].tolist():
        page, gfn = int(load.accesses.page()[row]), int(load.accesses.gfn[row])
        assert gfn != int(NO_FRAME)
        if page in placed:
            continue
        placed.add(page)
        guest.place(f"page-{page:x}", "fixed", 4096, address=Gva(page << 12), frames=(Gfn(gfn),))


def _fit(entry, guest: Domain):
    """The recording does not say how much RAM there was: no more than this guest has."""
    from dataclasses import replace

    return replace(entry, size=min(entry.size, 512 << 20))


def _copy(xen: Xen, load: Workload, row: int) -> None:
    size, way = int(load.accesses.size[row]), int(load.accesses.way[row])
    user = load.accesses.address[row] < np.uint64(1 << 47)
    xen.user_access = bool(user)
    access = HandleAccess(
        direction=tuple(Direction)[way], handle=int(load.accesses.address[row]), size=size,
        role="recorded", current=0, subject=0, number=None,
    )  # fmt: skip
    if way:
        assert copy_to_guest(xen, access, bytes(size))
    else:
        assert copy_from_guest(xen, access) is not None


def test_every_design_is_replayed_and_adds_up() -> None:
    load = workload("pvh")
    for got in replay_designs(load, DESIGNS):
        assert len(got.verdicts) == len(load.inside(got.domain))
        assert got.counts.exits == got.hypercalls - got.refused
        refused = got.share(AccessVerdict.REFUSED)
        assert got.counts.copies == round((1 - refused) * len(got.verdicts))
    today = replay(load, design("linear-walk"), 0).counts
    flat = replay(load, design("domain-mode"), 0).counts
    assert flat.bytes_from_guest == today.bytes_from_guest
    assert flat.bytes_to_guest == today.bytes_to_guest


def test_fast_coverage_agrees_with_the_replay() -> None:
    load = workload("pvh")
    for domain in (0, 1):
        got = fast_coverage(load, domain)
        assert got.covered == got.calls - replay(load, design("fastabi"), domain).refused
        assert sum(op.calls for op in got.ops) == got.calls
        assert sum(op.accesses for op in got.ops) == got.accesses

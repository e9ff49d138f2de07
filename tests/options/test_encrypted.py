"""Encrypted guests: what Xen reads decides, no flag does."""

from __future__ import annotations

import errno

import pytest
from calls import MAKERS, Where, run_call

from xenexplore.guest.domain import Domain
from xenexplore.guest.spec import GuestSpec
from xenexplore.hypervisor.xen import Xen
from xenexplore.options.registry import make_option
from xenexplore.steps import Fault, Flip, Hazard, ListRead, Move

SEV = GuestSpec(encryption="sev")
SNP = GuestSpec(encryption="snp")
PRIVATE = Where("kmalloc", offset=0x100, shared=False)
SHARED = Where("kmalloc", offset=0x100, shared=True)


@pytest.mark.parametrize("spec", [SEV, SNP], ids=["sev", "snp"])
def test_todays_walk_fails_on_what_it_reads(spec: GuestSpec) -> None:
    ran = run_call("linear-walk", MAKERS["send"], SHARED, spec=spec)
    assert ran.result == -errno.EFAULT
    fault = next(n.step for n in ran.xen.nodes if isinstance(n.step, Fault))
    assert fault.linear is not None
    assert ran.outcome.calls.pte_reads >= 0


@pytest.mark.parametrize("option", ["number-bit", "domain-mode"])
def test_a_physical_address_of_a_private_page_reads_ciphertext(option: str) -> None:
    ran = run_call(option, MAKERS["send"], PRIVATE, spec=SEV)
    moves = [n.step for n in ran.xen.nodes if isinstance(n.step, Move)]
    assert [(move.spoilt, move.right) for move in moves] == [("ciphertext", False)]
    assert ran.outcome.status == "wrong"
    shared = run_call(option, MAKERS["send"], SHARED, spec=SEV)
    assert shared.outcome.status == "right"


def test_a_write_damages_under_sev_and_faults_under_snp() -> None:
    sev = run_call("number-bit", MAKERS["runstate"], PRIVATE, spec=SEV)
    assert sev.result == 0
    assert sev.outcome.status == "wrong"
    snp = run_call("number-bit", MAKERS["runstate"], PRIVATE, spec=SNP)
    assert snp.result == -errno.EFAULT


@pytest.mark.parametrize("spec", [SEV, SNP], ids=["sev", "snp"])
@pytest.mark.parametrize("maker", ["send", "runstate", "populate", "alloc_unbound"])
def test_bounce_pages_work_without_a_flip(spec: GuestSpec, maker: str) -> None:
    ran = run_call("bounce", MAKERS[maker], PRIVATE, spec=spec)
    assert ran.outcome.status == "right"
    assert (ran.outcome.setup.flips, ran.outcome.calls.flips) == (1, 0)
    assert ran.outcome.calls.guest_bytes_copied > 0
    plain = run_call("linear-walk", MAKERS[maker], Where("kmalloc", offset=0x100))
    # The populate struct holds an address, which differs between the two machines.
    assert ran.contents() == plain.contents() or maker == "populate"


@pytest.mark.parametrize("spec", [SEV, SNP], ids=["sev", "snp"])
def test_flipping_costs_two_changes_a_page(spec: GuestSpec) -> None:
    ran = run_call("bounce", MAKERS["send"], PRIVATE, spec=spec, params={"mode": "flip"})
    assert ran.outcome.status == "right"
    flips = [n.step for n in ran.xen.nodes if isinstance(n.step, Flip)]
    assert [flip.shared for flip in flips] == [True, False]


def test_flipping_does_not_make_frames_contiguous() -> None:
    """A flat address of two frames goes astray, whatever state their pages are in."""
    across = Where("vmalloc", offset=4092, shared=False)
    ran = run_call("bounce", MAKERS["runstate"], across, spec=SEV, params={"mode": "flip"})
    assert [n.step.name for n in ran.xen.nodes if isinstance(n.step, Hazard)] == ["not contiguous"]
    assert ran.outcome.status == "wrong"
    assert len([n for n in ran.xen.nodes if isinstance(n.step, Flip)]) == 4


def test_a_hit_works_and_a_miss_fails() -> None:
    hit = run_call(
        "software-tlb", MAKERS["send"], SHARED, spec=SEV, params={"register": ["buffer:send"]}
    )
    assert hit.outcome.status == "right"
    assert hit.outcome.calls.walks == 0
    miss = run_call("software-tlb", MAKERS["send"], SHARED, spec=SEV)
    assert miss.result == -errno.EFAULT
    assert miss.outcome.calls.pte_reads == 0


def test_registers_need_no_memory_at_all() -> None:
    ran = run_call("fastabi", MAKERS["send"], PRIVATE, spec=SNP)
    assert ran.result == 0
    assert ran.outcome.calls.p2m_lookups == 0


def test_the_physical_twins_do_not_help_the_struct_that_carries_the_address() -> None:
    ran = run_call("phys-twins", MAKERS["send"], SHARED, spec=SEV)
    assert ran.result == -errno.EFAULT


@pytest.mark.parametrize("encryption", ["none", "sev", "snp"])
def test_xen_reads_the_table_of_registrations_as_the_guest_wrote_it(encryption: str) -> None:
    """O7a's table lies in a shared page of an encrypted guest: what Xen reads is no ciphertext."""
    domain = Domain(GuestSpec(encryption=encryption))  # type: ignore[arg-type]
    words = {"form": "table", "register": ["directmap", "stack"]}
    xen = Xen(domain, make_option("software-tlb", words))
    xen.design.setup(xen)
    reads = [node.step for node in xen.nodes if isinstance(node.step, ListRead)]
    held = xen.design.tlb.tables.table(0).entries
    assert len(reads) == len(held) == 5
    for read, slot in zip(reads, held, strict=True):
        piece = domain.memory.read_piece(read.gpa, 24)
        assert piece.ok
        assert not piece.ciphertext
        assert piece.data is not None
        found = [int.from_bytes(piece.data[at : at + 8], "little") for at in (0, 8, 16)]
        assert found == [slot.entry.va.value, slot.entry.pa.value, slot.entry.size]
        assert read.value == slot.entry.va.value

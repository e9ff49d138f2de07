from __future__ import annotations

import pytest

from xenexplore.addr import Gpa, Gva, Range
from xenexplore.errors import MachineError
from xenexplore.steps import Recorder, xen
from xenexplore.tlb import PROPOSAL, VCPUOPS, TlbEntry, TlbTables

VA = Gva(0xFFFFC90000004010)


def two_views(scope="vcpu"):
    """One linear address that two vCPUs map differently, each registered by its vCPU."""
    tables = TlbTables(2, scope=scope)
    steps = [
        tables.insert(vcpu, TlbEntry(VA, Gpa(pa), 48, label=f"runstate of vCPU {vcpu}"))
        for vcpu, pa in enumerate((0xA010, 0xB010))
    ]
    return tables, steps


def test_asking_the_wrong_vcpu_hits_and_is_wrong():
    tables, _ = two_views()
    today = tables.lookup(VA, 48, asked=0, subject=1)
    cured = tables.lookup(VA, 48, asked=1, subject=1)
    assert today.hit
    assert (today.gpa, cured.gpa) == (Gpa(0xA010), Gpa(0xB010))
    assert (today.asked, today.subject, today.slot) == (0, 1, 0)
    assert (today.entry, today.entry_pa) == (Range(VA, 48), Gpa(0xA010))
    assert today.label == "runstate of vCPU 0"


def test_a_shared_table_refuses_the_second_view():
    tables, steps = two_views("domain")
    assert [step.result for step in steps] == [0, -17]
    assert tables.lookup(VA, 8, asked=1).gpa == Gpa(0xA010)
    assert tables.table(0) is tables.table(1)
    assert len(tables.purge_all(1).removed) == 1
    assert not tables.lookup(VA, 8, asked=0).hit


def test_private_tables_are_private():
    tables = TlbTables(3)
    tables.insert(1, TlbEntry(VA, Gpa(0), 8))
    assert [len(tables.entries(vcpu)) for vcpu in range(3)] == [0, 1, 0]
    assert [tables.lookup(VA, 1, asked=vcpu).hit for vcpu in range(3)] == [False, True, False]
    assert tables.purge(0, VA, 8).removed == ()
    assert len(tables.purge(1, VA, 8).removed) == 1


def test_what_each_step_cites():
    tables = TlbTables(1)
    mine = xen("xen/common/domain.c", "do_vcpu_op")
    assert tables.insert(0, TlbEntry(VA, Gpa(0), 8)).cite is VCPUOPS
    assert tables.lookup(VA, 8, asked=0).cite is PROPOSAL
    assert tables.purge_space(0, cite=mine).cite is mine
    assert "94aab958-c141-4c43-a249-a55d8e5be735@suse.com" in str(PROPOSAL)
    assert "6a3d38a8-bac3-fa59-e882-0d95a8d3e5d0@suse.com" in str(VCPUOPS)


def test_purges_say_what_they_were():
    tables = TlbTables(1)
    tables.insert(0, TlbEntry(VA, Gpa(0), 8, space=7))
    assert tables.purge(0, VA, 0).result == -22
    kept = tables.purge_space(0, space=8)
    assert (kept.scope, kept.space, kept.removed) == ("space", 8, ())
    gone = tables.purge(0, VA, 4, space=7)
    assert (gone.scope, gone.va, gone.size, gone.space) == ("range", VA, 4, 7)
    assert [slot.space for slot in gone.removed] == [7]
    assert tables.purge_all(0).scope == "all"


def test_the_same_run_twice_is_the_same_record():
    def run():
        recorder = Recorder()
        tables, steps = two_views()
        for step in (*steps, tables.lookup(VA, 64, asked=0, subject=1), tables.purge_all(0)):
            recorder.add(step)
        return [node.step.as_json() for node in recorder.nodes]

    assert run() == run()


@pytest.mark.parametrize("vcpu", [-1, 2])
def test_a_vcpu_that_does_not_exist(vcpu):
    with pytest.raises(MachineError, match=f"expected 0 to 1, got {vcpu}"):
        TlbTables(2).lookup(VA, 8, asked=vcpu)
    with pytest.raises(MachineError, match=f"expected 0 to 1, got {vcpu}"):
        TlbTables(2, scope="domain").insert(vcpu, TlbEntry(VA, Gpa(0), 8))
    with pytest.raises(MachineError, match=f"expected 0 to 1, got {vcpu}"):
        TlbTables(2).lookup(VA, 8, asked=0, subject=vcpu)


def test_tables_that_cannot_be():
    with pytest.raises(MachineError, match="expected 1 or more, got 0"):
        TlbTables(0)
    with pytest.raises(MachineError, match="expected vcpu or domain, got 'core'"):
        TlbTables(1, scope="core")

"""The copy helpers' failure semantics, and what a walk and a P2M lookup cost."""

from __future__ import annotations

import errno

import pytest
from calls import MAKERS, Where, run_call

from xenexplore.addr import Gfn
from xenexplore.guest.domain import Domain
from xenexplore.guest.spec import GuestSpec
from xenexplore.hypervisor.calls import GuestCall, HandleAccess
from xenexplore.hypervisor.copying import copy_from_guest, copy_to_guest
from xenexplore.hypervisor.execute import hypercall
from xenexplore.hypervisor.outcome import counts_of, outcome_of
from xenexplore.hypervisor.xen import Xen
from xenexplore.options.registry import make_option
from xenexplore.steps import Check, CopyFailed, Direction, Fault, Move


def _access(va: int, size: int, direction: str = "to") -> HandleAccess:
    return HandleAccess(
        direction=Direction(direction),
        handle=va,
        size=size,
        role="bytes",
        current=0,
        subject=0,
        number=None,
    )


def _half_mapped(spec: GuestSpec | None = None) -> tuple[Xen, int]:
    """A two-page buffer whose second page is gone; 16 bytes lie in the first."""
    domain = Domain(spec or GuestSpec())
    buffer = domain.place("buffer", "vmalloc", 64, offset=4080)
    second = domain.place("other", "vmalloc", 1)
    assert second.va.page != buffer.pages[1]
    xen = Xen(domain, make_option("linear-walk"))
    return xen, buffer.va.value


@pytest.mark.parametrize(("helper", "reported"), [("x86", 64), ("arm", 48)])
def test_a_failing_chunk_reports_all_on_x86_and_the_rest_on_arm(helper: str, reported: int) -> None:
    domain = Domain(GuestSpec())
    first = domain.place("first", "vmalloc", 16, offset=4080)
    xen = Xen(domain, make_option("linear-walk"), copy_helper=helper)  # type: ignore[arg-type]
    # The page after a vmalloc'ed buffer is its guard page (mm/vmalloc.c).
    assert not copy_to_guest(xen, _access(first.va.value, 64), bytes(range(64)))
    failed = [n.step for n in xen.nodes if isinstance(n.step, CopyFailed)]
    assert [(step.moved, step.reported) for step in failed] == [(16, reported)]
    # No roll back: the first chunk has been written.
    assert domain.read(first.va, 16) == bytes(range(16))


def test_handlers_turn_a_failed_copy_into_efault() -> None:
    def unmap(xen: Xen) -> None:
        xen.domain.unmap("send")

    ran = run_call("linear-walk", MAKERS["send"], before=unmap)
    assert ran.result == -errno.EFAULT
    assert ran.outcome.status == "error"


@pytest.mark.parametrize(
    ("kernel", "memory", "gfn", "p2m_order", "ptes", "lookups", "entry_reads"),
    [
        # thread.md, section 6 item 1, from hap_p2m_ga_to_gfn() and hvm_translate_get_page():
        # 4 KiB over 4 KiB: 28 entry reads; 2 MiB over 2 MiB: 18; 1 GiB over 1 GiB: 10.
        ("linux", 768 << 20, None, 0, 4, 6, 24),
        ("linux", 768 << 20, 0x8123, 9, 3, 5, 15),
        ("unikernel", 8 << 30, 0x160123, 18, 2, 4, 8),
    ],
)
def test_cost_of_a_walk(
    kernel: str,
    memory: int,
    gfn: int | None,
    p2m_order: int,
    ptes: int,
    lookups: int,
    entry_reads: int,
) -> None:
    spec = GuestSpec(kernel=kernel, memory=memory, p2m_order=p2m_order)  # type: ignore[arg-type]
    domain = Domain(spec)
    if gfn is None:
        buffer = domain.place("buffer", "vmalloc", 8, offset=0)
    else:
        buffer = domain.place("buffer", "kmalloc", 8, offset=0, frames=(Gfn(gfn),))
    xen = Xen(domain, make_option("linear-walk"))
    assert copy_from_guest(xen, _access(buffer.va.value, 8, "from")) is not None
    counts = counts_of(xen.nodes)
    assert (counts.walks, counts.pte_reads, counts.p2m_lookups) == (1, ptes, lookups)
    assert counts.p2m_entry_reads == entry_reads
    assert counts.pte_reads + counts.p2m_entry_reads == {4: 28, 3: 18, 2: 10}[ptes]


def test_a_physical_address_costs_one_lookup() -> None:
    ran = run_call("number-bit", MAKERS["send"])
    calls = ran.outcome.calls
    assert (calls.walks, calls.pte_reads, calls.p2m_lookups, calls.p2m_entry_reads) == (0, 0, 1, 4)


def test_a_straddling_buffer_takes_two_walks_to_unrelated_frames() -> None:
    ran = run_call("linear-walk", MAKERS["runstate"], Where("vmalloc", offset=4080))
    moves = [n.step for n in ran.xen.nodes if isinstance(n.step, Move)]
    assert [move.size for move in moves] == [16, 32]
    assert all(move.right for move in moves)
    first, second = moves
    assert second.gpa.page != first.gpa.page + 4096
    assert ran.outcome.calls.walks == 2


def test_from_ring_three_is_eperm() -> None:
    # hvm_hypercall(): CPL > 0 gets -EPERM before anything is copied.
    domain = Domain(GuestSpec())
    buffer = domain.place("send", "stack", 4)
    xen = Xen(domain, make_option("linear-walk"))
    call = GuestCall(
        vcpu=0, name="event_channel_op.send", number=32, args=(4, buffer.va.value), cpl=3
    )
    assert hypercall(xen, call) == -errno.EPERM
    assert not [n for n in xen.nodes if isinstance(n.step, Move)]
    assert [n.step for n in xen.nodes if isinstance(n.step, Check) and not n.step.passed]


def test_user_buffers_need_the_kernel_to_open_access() -> None:
    # SMAP applies to Xen's walk (guest_walk_tables()); privcmd runs stac around the call.
    closed = run_call("linear-walk", MAKERS["send"], Where("user"), user=False)
    assert closed.result == -errno.EFAULT
    assert any(isinstance(n.step, Fault) and "SMAP" in n.step.reason for n in closed.xen.nodes)
    opened = run_call("linear-walk", MAKERS["send"], Where("user"), user=True)
    assert opened.outcome.status == "right"


def test_today_writes_to_a_read_only_page_fail_but_physical_ones_do_not() -> None:
    where = Where("vmalloc", writable=False)
    today = run_call("linear-walk", MAKERS["runstate"], where)
    assert today.result == -errno.EFAULT
    physical = run_call("number-bit", MAKERS["runstate"], where)
    assert physical.result == 0
    assert physical.outcome.lost_checks == 1


@pytest.mark.parametrize(
    ("p2m_type", "direction", "works"),
    [
        # __hvm_copy() and hvm_translate_get_page().
        ("p2m_ram_rw", "to", True),
        ("p2m_ioreq_server", "to", False),
        ("p2m_ioreq_server", "from", True),
        ("p2m_grant_map_rw", "from", False),
        ("p2m_ram_paged", "from", False),
        ("p2m_mmio_dm", "to", False),
    ],
)
def test_what_each_page_type_does_to_a_copy(p2m_type: str, direction: str, works: bool) -> None:
    domain = Domain(GuestSpec())
    buffer = domain.place("buffer", "kmalloc", 8, offset=0)
    domain.set_p2m_type(buffer.frames[0], p2m_type)
    xen = Xen(domain, make_option("linear-walk"))
    access = _access(buffer.va.value, 8, direction)
    if direction == "to":
        assert copy_to_guest(xen, access, b"12345678") is works
    else:
        assert (copy_from_guest(xen, access) is not None) is works


def test_a_write_to_a_read_only_frame_is_dropped_and_shows() -> None:
    domain = Domain(GuestSpec())
    buffer = domain.place("buffer", "kmalloc", 8, offset=0, contents=b"original")
    domain.set_p2m_type(buffer.frames[0], "p2m_ram_ro")
    xen = Xen(domain, make_option("linear-walk"))
    assert copy_to_guest(xen, _access(buffer.va.value, 8), b"12345678")
    assert domain.read(buffer.va, 8) == b"original"
    assert outcome_of(xen.nodes).status == "wrong"


def test_counts_add_up() -> None:
    ran = run_call("software-tlb", MAKERS["map_grants"], params={"register": ["stack"]})
    total = counts_of(ran.xen.nodes)
    assert total - ran.outcome.setup == ran.outcome.calls
    assert ran.outcome.setup.exits == ran.outcome.setup.tlb_inserts == 4
    assert ran.outcome.calls.tlb_hits == ran.outcome.calls.tlb_lookups == 6


@pytest.mark.parametrize("option", ["linear-walk", "number-bit", "bounce", "fastabi"])
def test_a_null_handle_faults_or_is_refused(option: str) -> None:
    def null(domain: Domain, where: Where) -> GuestCall:
        return GuestCall(vcpu=0, name="event_channel_op.send", number=32, args=(4, 0))

    ran = run_call(option, null)
    assert ran.outcome.status == ("error" if option == "linear-walk" else "refused")

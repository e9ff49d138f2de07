"""The interpreter with known contents: what the hypervisor model sees."""

from __future__ import annotations

import errno
import struct
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xenexplore.hypercalls import (
    FAULT,
    Free,
    PlanCall,
    PlanChoice,
    PlanCopy,
    PlanOutcome,
    families,
    predict,
)


@dataclass
class Guest:
    """Flat guest memory by address, and Xen's decisions."""

    memory: dict[int, bytes] = field(default_factory=dict)
    answers: dict[str, bool] = field(default_factory=dict)
    faults: set[int] = field(default_factory=set)

    def run(self, call: PlanCall) -> tuple[list[PlanCopy], PlanOutcome]:
        steps = predict(call)
        made: list[PlanCopy] = []
        reply: object = None
        try:
            step = next(steps)
            while True:
                if isinstance(step, PlanCopy):
                    made.append(step)
                    reply = FAULT if step.address in self.faults else self.memory.get(step.address)
                else:
                    reply = self.decide(step)
                step = steps.send(reply)
        except StopIteration as stop:
            return made, stop.value

    def decide(self, choice: PlanChoice) -> object:
        for words, answer in self.answers.items():
            if words in choice.reason:
                return answer
        return choice.usual


def seen(copies: list[PlanCopy]) -> list[tuple[str, object, object]]:
    return [(c.direction, c.address, c.length) for c in copies]


def reservation(start: int, count: int) -> bytes:
    return struct.pack("<QQIIHxxxxxx", start, count, 0, 0, 0x7FF0)


def test_counts_and_addresses_come_from_the_contents() -> None:
    guest = Guest({0x1000: reservation(0x2000, 3)})
    copies, outcome = guest.run(PlanCall(12, (6, 0x1000), "hvm"))
    assert seen(copies) == [
        ("from", 0x1000, 32),
        ("from", 0x2000, 8),
        ("from", 0x2008, 8),
        ("from", 0x2010, 8),
    ]
    assert outcome.how == "returned"
    assert all(copy.fixed for copy in copies)


def test_a_pv_guest_is_told_the_frames() -> None:
    guest = Guest({0x1000: reservation(0x2000, 2)})
    copies, _ = guest.run(PlanCall(12, (6, 0x1000), "pv"))
    assert seen(copies)[1:] == [
        ("from", 0x2000, 8),
        ("to", 0x2000, 8),
        ("from", 0x2008, 8),
        ("to", 0x2008, 8),
    ]
    # Eight bytes, unchecked helper: a single move in the caller.
    assert [copy.inline for copy in copies] == [False, True, True, True, True]


def test_a_preempted_call_goes_on_where_it_stopped() -> None:
    guest = Guest({0x1000: reservation(0x2000, 3)}, {"between extents": True})
    copies, outcome = guest.run(PlanCall(12, (6, 0x1000), "hvm"))
    assert seen(copies) == [("from", 0x1000, 32), ("from", 0x2000, 8)]
    assert outcome.how == "continued"
    assert outcome.args == (6 | 1 << 6, 0x1000)
    copies, outcome = guest.run(PlanCall(12, outcome.args, "hvm"))
    # The struct is read again; the list goes on at its second element.
    assert seen(copies) == [("from", 0x1000, 32), ("from", 0x2008, 8)]
    assert outcome.args == (6 | 2 << 6, 0x1000)


def test_a_fault_ends_the_call() -> None:
    guest = Guest({0x1000: struct.pack("<HHI", 0x7FF0, 1, 0)}, faults={0x1000})
    copies, outcome = guest.run(PlanCall(32, (6, 0x1000), "hvm"))
    assert (outcome.how, outcome.value) == ("failed", -errno.EFAULT)
    assert len(copies) == 1


def test_a_tolerated_fault_does_not() -> None:
    # vcpu_op.register_runstate_memory_area ignores a failed first write.
    guest = Guest({0x1000: (0x3000).to_bytes(8, "little")}, faults={0x3000})
    copies, outcome = guest.run(PlanCall(24, (5, 0, 0x1000), "hvm"))
    assert outcome.how == "returned"
    assert seen(copies) == [("from", 0x1000, 8), ("to", 0x3000, 48)]


@given(
    op=st.sampled_from([0, 1, 6]),
    pv=st.booleans(),
    count=st.integers(1, 12),
    start=st.integers(0, 12),
    fault=st.integers(-1, 12),
)
def test_extents_that_are_done_are_counted(
    op: int, pv: bool, count: int, start: int, fault: int
) -> None:
    """do_memory_op() returns how far it came, whatever fails, and no errno.

    ``fault``: the extent whose copy fails; -1: the struct's.
    """
    at = 0x1000 if fault < 0 else 0x2000 + 8 * fault
    guest = Guest({0x1000: reservation(0x2000, count)}, faults={at})
    _, outcome = guest.run(PlanCall(12, (op | start << 6, 0x1000), "pv" if pv else "hvm"))
    done = count
    if fault < 0 or start >= count:
        done = start
    elif start <= fault < count and (pv or op):
        # increase_reservation only writes frames, and only for a PV guest.
        done = fault
    assert (outcome.how, outcome.what, outcome.value) == ("returned", "extents done", done)


def test_extents_of_a_handle_into_xen() -> None:
    data = reservation(0xFFFF_8000_0000_0000, 4)
    for op in (0, 1, 6):
        _, outcome = Guest({0x1000: data}).run(PlanCall(12, (op | 3 << 6, 0x1000), "pv"))
        assert (outcome.how, outcome.value) == ("returned", 3)


EXCHANGE = struct.pack("<QQIIHxxxxxx", 0x2000, 2, 0, 0, 0x7FF0)
EXCHANGE += struct.pack("<QQIIHxxxxxx", 0x3000, 2, 0, 0, 0x7FF0) + bytes(8)


@pytest.mark.parametrize(
    ("number", "args", "memory", "fault", "copies", "result"),
    [
        # memory_exchange(): nr_exchanged is written all the same; a failed copy of
        # where a page goes does not keep the others of its chunk from their turn.
        (12, (11, 0x1000), {0x1000: EXCHANGE}, 0x1000, 1, -errno.EFAULT),
        (12, (11, 0x1000), {0x1000: EXCHANGE}, 0x2008, 6, -errno.EFAULT),
        (12, (11, 0x1000), {0x1000: EXCHANGE}, 0x3000, 4, -errno.EFAULT),
        # gnttab_setup_table(): the status says GNTST_bad_virt_addr, the call returns 0.
        (20, (2, 0x1000, 1), {0x1000: struct.pack("<HHIhxxxxxxQ", 0x7FF0, 0, 2, 0, 0x2000)[:24]},
         0x2000, 4, 0),
        (12, (3, 0x1000), {0x1000: bytes(8)}, 0x1000, 1, -errno.EFAULT),
        (12, (15, 0x1000), {0x1000: bytes(16)}, 0x1000, 1, -errno.EFAULT),
        (18, (0, 10, 0x1000), {}, 0x1000, 1, -errno.EFAULT),
        (13, (0x1000, 1), {}, 0x1000, 1, -errno.EFAULT),
        (41, (1, 1, 0x1000), {}, 0x1000, 1, -errno.EFAULT),
    ],
)  # fmt: skip
def test_what_a_failed_copy_makes_of_a_call(
    number: int, args: tuple[int, ...], memory: dict[int, bytes], fault: int, copies: int,
    result: int,
) -> None:  # fmt: skip
    guest = "pv" if args[0] == 11 else "hvm"  # memory_exchange() of others ends in steal_page()
    made, outcome = Guest(memory, faults={fault}).run(PlanCall(number, args, guest))
    assert len(made) == copies
    assert (outcome.how, outcome.value) == ("failed" if result else "returned", result)


def test_a_failed_request_is_an_errno_though_the_count_is_written() -> None:
    """do_mmu_update(): rc is -EFAULT, and done is copied out before it is returned."""
    memory = {0x1000: bytes(16)}
    copies, outcome = Guest(memory, faults={0x1010}).run(PlanCall(1, (0x1000, 2, 0x3000, 0), "pv"))
    assert seen(copies)[-1] == ("to", 0x3000, 4)
    assert (outcome.how, outcome.value) == ("failed", -errno.EFAULT)
    # That write itself may fail, and nobody is told.
    _, outcome = Guest(memory, faults={0x3000}).run(PlanCall(1, (0x1000, 1, 0x3000, 0), "pv"))
    assert outcome.how == "returned"


def test_answers_of_xen_s_own_are_named() -> None:
    for call in (PlanCall(12, (2, 0), "hvm"), PlanCall(17, (0, 0), "hvm"), PlanCall(9, (7,), "pv")):
        _, outcome = Guest().run(call)
        assert isinstance(outcome.value, Free)
        assert outcome.what
    assert Guest().run(PlanCall(17, (7, 0), "hvm"))[1].value == 4096


def toolstack(cmd: int, version: int = 21, **fields: tuple[int, int]) -> bytes:
    """An op struct with numbers of 8 bytes at offsets."""
    data = bytearray(256)
    struct.pack_into("<II", data, 0, cmd, version)
    for offset, value in fields.values():
        struct.pack_into("<Q", data, offset, value)
    return bytes(data)


def domctl(
    cmd: int, answers: dict[str, bool], **fields: tuple[int, int]
) -> tuple[int, PlanOutcome]:
    guest = Guest({0x1000: toolstack(cmd, **fields)[:144]}, answers)
    copies, outcome = guest.run(PlanCall(36, (0x1000,), "pv"))
    return sum(copy.address == 0x1000 and copy.direction == "to" for copy in copies), outcome


def test_a_count_is_what_a_call_returns() -> None:
    # domain_watchdog(): the new timer's number; nothing of the kind for an old one.
    for number, what in ((0, "number of the timer"), (1, "")):
        guest = Guest({0x1000: struct.pack("<II", number, 30)})
        _, outcome = guest.run(PlanCall(29, (6, 0x1000), "hvm"))
        assert (outcome.how, isinstance(outcome.value, Free)) == ("returned", bool(what))
        assert outcome.what.startswith(what)
    _, outcome = Guest({0x1000: struct.pack("<II", 3, 30)}).run(PlanCall(29, (6, 0x1000), "hvm"))
    assert (outcome.how, outcome.value) == ("failed", -errno.EINVAL)
    # sendv(): the bytes of all buffers.
    iovs = struct.pack("<QII", 0x5000, 0, 0) * 2
    guest = Guest({0x1000: bytes(16), 0x2000: iovs})
    _, outcome = guest.run(PlanCall(39, (3, 0x1000, 0x2000, 2, 0), "hvm"))
    assert (outcome.how, outcome.what) == ("returned", "bytes sent")
    # map_mmio_regions(): how far it came, unless that is to the end.
    back, outcome = domctl(39, {"not all frames": True}, nr_mfns=(32, 2))
    assert (back, outcome.how, outcome.what) == (0, "returned", "frames done")
    assert domctl(39, {}, nr_mfns=(32, 2))[1].value == 0
    for number, what in ((2, "1 if it is enforced"), (16, "the limit")):
        data = struct.pack("<II", number, 1) + bytes(32)
        _, outcome = Guest({0x1000: data}).run(PlanCall(27, (0x1000,), "hvm"))
        assert (outcome.how, outcome.what) == ("returned", what)


def test_what_is_written_back_on_failure_comes_with_an_errno() -> None:
    for cmd, words, result in (
        (33, "-EINVAL: not HVM", errno.EINVAL),
        (63, "-ESRCH: no such vCPU", errno.ESRCH),
        (16, "-EINVAL: another scheduler", errno.EINVAL),
        (83, "-ENOMEM", errno.ENOMEM),
        (78, "-ENODEV", errno.ENODEV),
    ):
        back, outcome = domctl(cmd, {words: True}, cmd_of_psr=(16, 1))
        assert (back, outcome.how, outcome.value) == (1, "failed", -result), cmd


def test_the_lock_of_domctl_is_not_every_sub_op_s() -> None:
    waits = {"another domctl": True}
    for cmd in (5, 19, 20, 21, 38, 39, 40, 46, 48, 50):
        # One port, one frame: an empty range is refused.
        _, outcome = domctl(cmd, waits, port=(16, 1 << 32), frames=(24, 1), more=(32, 1))
        assert outcome.how == "returned", cmd
    for cmd in (1, 2, 3, 33, 79):
        assert domctl(cmd, waits)[1].how == "continued", cmd
    # XEN_VM_EVENT_GET_VERSION is answered without it, XEN_VM_EVENT_ENABLE is not.
    assert domctl(56, waits, op=(16, 3))[1].how == "returned"
    assert domctl(56, waits, op=(16, 0))[1].how == "continued"


def test_faults_that_are_no_efault() -> None:
    # get_cpufreq_para(): what copy_to_guest() gives is what the call returns.
    pm_op = toolstack(12)[:8] + struct.pack("<II", 17, 0) + bytes(120)
    for faults in (set[int](), {0x3000}):
        memory = pm_op[:16] + struct.pack("<IIIIQ", 1, 0, 0, 0, 0x3000) + pm_op[40:]
        copies, outcome = Guest({0x1000: memory}, faults=faults).run(PlanCall(35, (0x1000,), "hvm"))
        assert outcome.how == "returned"
        assert isinstance(outcome.value, Free) is bool(faults)
        assert (copies[-1].address == 0x1000) is not bool(faults)
    # verify_payload(): whatever is wrong with the name.
    upload = toolstack(27)[:8] + bytes(128)
    _, outcome = Guest({0x1000: upload}, faults={0}).run(PlanCall(35, (0x1000,), "hvm"))
    assert (outcome.how, outcome.value) == ("failed", -errno.EINVAL)
    # do_poll(): a port of nobody's.
    poll = struct.pack("<QIIQ", 0x2000, 1, 0, 0)
    guest = Guest({0x1000: poll, 0x2000: bytes(4)}, {"no such port": True})
    assert guest.run(PlanCall(29, (3, 0x1000), "hvm"))[1].how == "failed"
    # physdev_op.set_iobitmap: a bitmap in Xen.
    guest = Guest({0x1000: struct.pack("<QII", 0xFFFF_8000_0000_0000, 65536, 0)})
    assert guest.run(PlanCall(33, (7, 0x1000), "pv"))[1].value == -errno.EINVAL


def test_bytes_read_from_the_console_are_counted() -> None:
    steps = predict(PlanCall(18, (1, 100, 0x1000), "hvm"))
    step, waits = next(steps), True
    try:
        while True:
            if isinstance(step, PlanCopy):
                assert step.accepts(0x1000, 60)
                waits, step = False, steps.send(None)
            else:
                step = steps.send(step.kind == "state" and waits)
    except StopIteration as stop:
        outcome = stop.value
    assert (outcome.value, outcome.what) == (60, "bytes read")


def test_written_back_is_what_was_read() -> None:
    guest = Guest({0x1000: bytes(range(8))})
    copies, _ = guest.run(PlanCall(32, (6, 0x1000), "hvm"))
    assert copies[1].data == bytes(range(8))


def test_a_field_alone_is_written_back() -> None:
    element = struct.pack("<QQQIIHH", 1, 0, 0, 0, 0, 0, 0)
    guest = Guest({0x1000: element[:32], 0x1020: element[:32]})
    copies, _ = guest.run(PlanCall(20, (1, 0x1000, 2), "hvm"))
    # gnttab_unmap_grant_ref: 24 bytes in, its status of 2 bytes out.
    assert seen(copies) == [
        ("from", 0x1000, 24),
        ("to", 0x1000 + 20, 2),
        ("from", 0x1018, 24),
        ("to", 0x1018 + 20, 2),
    ]


def test_multicall_runs_its_entries() -> None:
    entry = struct.pack("<QQ6Q", 32, 0, 4, 0x5000, 0, 0, 0, 0)
    guest = Guest({0x1000: entry, 0x1040: entry})
    copies, outcome = guest.run(PlanCall(13, (0x1000, 2), "hvm"))
    assert seen(copies) == [
        ("from", 0x1000, 64),
        ("from", 0x5000, 4),
        ("to", 0x1008, 8),
        ("from", 0x1040, 64),
        ("from", 0x5000, 4),
        ("to", 0x1048, 8),
    ]
    assert copies[1].title == "multicall > event_channel_op.send"
    assert outcome.how == "returned"


def test_a_preempted_entry_is_written_back_whole() -> None:
    entry = struct.pack("<QQ6Q", 12, 0, 6, 0x5000, 0, 0, 0, 0)
    guest = Guest({0x1000: entry, 0x5000: reservation(0x6000, 4)}, {"between extents": True})
    copies, outcome = guest.run(PlanCall(13, (0x1000, 1), "hvm"))
    assert seen(copies)[-2:] == [("to", 0x1008, 8), ("to", 0x1000, 64)]
    assert (outcome.how, outcome.args) == ("continued", (0x1000, 1))


def test_no_multicall_in_a_multicall() -> None:
    inner = struct.pack("<QQ6Q", 13, 0, 0x5000, 1, 0, 0, 0, 0)
    copies, _ = Guest({0x1000: inner}).run(PlanCall(13, (0x1000, 1), "hvm"))
    assert seen(copies) == [("from", 0x1000, 64), ("to", 0x1008, 8)]


def test_console_pieces() -> None:
    copies, _ = Guest().run(PlanCall(18, (0, 300, 0x1000), "hvm"))
    assert seen(copies) == [("from", 0x1000, 127), ("from", 0x107F, 127), ("from", 0x10FE, 46)]


def test_nested_buffers() -> None:
    # kexec: struct, list of segments, a buffer behind each, page by page.
    load = struct.pack("<BBHIQQ", 0, 0, 62, 2, 0x2000, 0)
    segments = struct.pack("<QQQQ", 0x9000, 5000, 0, 8192) + struct.pack(
        "<QQQQ", 0xA0000, 1, 0, 4096
    )
    guest = Guest({0x1000: load, 0x2000: segments})
    copies, _ = guest.run(PlanCall(37, (4, 0x1000), "pv"))
    assert seen(copies)[1:] == [
        ("from", 0x2000, 64),
        ("from", 0x9000, 4096),
        ("from", 0xA000, 904),
        ("from", 0xA0000, 1),
    ]


def test_dm_op_goes_through_its_buffers() -> None:
    bufs = struct.pack("<QQ", 0x3000, 32)
    guest = Guest({0x1000: bufs, 0x3000: struct.pack("<II", 20, 0), 0x3008: bytes(4)})
    copies, _ = guest.run(PlanCall(41, (1, 1, 0x1000), "hvm"))
    assert seen(copies) == [
        ("from", 0x1000, 16),
        ("from", 0x3000, 8),
        ("from", 0x3008, 4),
        ("to", 0x3008, 4),
    ]


def test_a_pv_handle_into_xen_is_refused() -> None:
    _, outcome = Guest().run(PlanCall(13, (0xFFFF_8000_0000_0000, 1), "pv"))
    assert outcome.how == "failed"
    copies, _ = Guest().run(PlanCall(1, (0xFFFF_8800_0000_0000, 1, 0, 0), "pv"))
    assert len(copies) == 1


def test_iret_reads_the_guests_stack() -> None:
    copies, _ = Guest().run(PlanCall(23, (), "pv", rsp=0xFFFF_C900_0000_1000))
    assert seen(copies) == [("from", 0xFFFF_C900_0000_1000, 72)]


def test_what_the_guest_lacks() -> None:
    assert Guest().run(PlanCall(1, (0, 1, 0, 0), "hvm"))[1].how == "failed"
    assert Guest().run(PlanCall(11, (), "hvm"))[1].how == "failed"
    assert Guest().run(PlanCall(12, (63,), "hvm"))[1].how == "failed"
    assert Guest().run(PlanCall(24, (4, 0, 0x1000), "arm"))[1].how == "failed"


def test_unknown_contents_are_free_variables() -> None:
    steps = predict(PlanCall(12, (6, 0x1000), "hvm"))
    step = next(steps)
    copies: list[PlanCopy] = []
    while len(copies) < 3:
        if isinstance(step, PlanCopy):
            copies.append(step)
            if len(copies) == 2:
                assert isinstance(step.address, Free)
                assert not step.accepts(0x7000, 9)
                assert step.accepts(0x7000, 8)
            step = steps.send(None)
        else:
            step = steps.send(step.usual)
    # What bound the first element decides the second.
    assert (copies[2].address, copies[2].length) == (0x7008, 8)


@pytest.mark.parametrize("guest", ["hvm", "pv", "arm"])
def test_every_plan_runs(guest: str) -> None:
    """Every sub-op, with contents of zeros and of ones, ends and names nothing unknown."""
    ran = 0
    for one in families():
        if guest not in one.guests:
            continue
        numbers = [op.value for op in one.ops.values()] or [0]
        for number in numbers:
            for fill in (0, 1):
                ran += run_filled(one.number, number, guest, fill)
    assert ran > (400 if guest != "arm" else 150)


def run_filled(number: int, value: int, guest: str, fill: int) -> int:
    """Drive a plan with made-up contents for at most 200 accesses."""
    steps = predict(PlanCall(number, (value, value, 0x1000, value, value), guest))
    try:
        step = next(steps)
        for _ in range(600):
            if isinstance(step, PlanCopy):
                length = step.length if isinstance(step.length, int) else 8
                content = (value + fill).to_bytes(4, "little") * (max(length, 0) // 4 + 1)
                step = steps.send(content[:length] if 0 <= length < 1 << 16 else None)
            else:
                options = step.options
                step = steps.send(options[fill % len(options)])
    except StopIteration as stop:
        return isinstance(stop.value, PlanOutcome)
    return 1

"""The 32-bit ABI of an HVM guest: what the catalogue describes of it, and what it says it lacks.

Lengths and order were seen in a recording of hvmloader and SeaBIOS on Xen 4.17.7.
"""

from __future__ import annotations

from struct import pack as struct_pack

import pytest

from xenexplore.hypercalls import (
    RELEASES,
    PlanCall,
    PlanCopy,
    PlanOutcome,
    explain,
    families,
    family,
    predict,
)

ARG, LIST = 0x12_E3A0, 0x13_3524
SEEN = {
    "sched_op.poll": (29, 3, [("from", ARG, 16), ("from", LIST, 4)]),
    "event_channel_op.send": (32, 4, [("from", ARG, 4)]),
    "memory_op.populate_physmap": (12, 6, [("from", ARG, 20), ("from", LIST, 4), ("to", LIST, 4)]),
    "memory_op.add_to_physmap": (12, 7, [("from", ARG, 16)]),
    "memory_op.memory_map": (12, 9, [("from", ARG, 8), ("to", LIST, 20), ("to", ARG, 8)]),
    "memory_op.get_vnumainfo": (12, 26, [("from", ARG, 40)]),
    "hvm_op.set_param": (34, 0, [("from", ARG, 16)]),
    "hvm_op.get_param": (34, 1, [("from", ARG, 16), ("to", ARG, 16)]),
    "xen_version.extraversion": (17, 1, [("to", ARG, 16)]),
    "xen_version.guest_handle": (17, 8, [("to", ARG, 16)]),
    "xen_version.version": (17, 0, []),
}


@pytest.mark.parametrize("release", RELEASES)
def test_what_was_seen_is_explained_and_nothing_else_is_claimed(release: str) -> None:
    claimed = {op.title for one in families(release) for op in one.ops.values() if op.compat}
    assert claimed == SEEN.keys()
    for name, (number, op, copies) in SEEN.items():
        found = explain(PlanCall(number, (op, ARG), "hvm32", xen=release), copies)
        assert found.verdict.explained, (name, found.expected)
        assert found.name == name
        assert found.choices == ()


@pytest.mark.parametrize("name", ["sched_op.poll", "memory_op.populate_physmap",
                                  "memory_op.memory_map", "memory_op.add_to_physmap"])  # fmt: skip
def test_the_abis_exclude_each_other(name: str) -> None:
    number, op, copies = SEEN[name]
    other = explain(PlanCall(number, (op, ARG), "hvm"), copies)
    assert other.verdict == "unexplained"
    length = {"sched_op.poll": 24, "memory_op.populate_physmap": 32,
              "memory_op.memory_map": 16, "memory_op.add_to_physmap": 24}[name]  # fmt: skip
    wide = [("from", ARG, length), *copies[1:]]
    assert explain(PlanCall(number, (op, ARG), "hvm32"), wide).verdict == "unexplained"


def test_registers_and_what_the_upper_halves_hold() -> None:
    assert family("memory_op").registers("hvm32") == ("ebx", "ecx")
    assert family("memory_op").registers("hvm") == ("rdi", "rsi")
    dirty = PlanCall(32, (4 | 7 << 32, ARG | 5 << 32), "hvm32")
    assert explain(dirty, [("from", ARG, 4)]).verdict == "exact"


def made(extents: int, stop: int = 0) -> tuple[list[tuple[str, int, int]], PlanOutcome]:
    """Copies of a populate_physmap, by predict(); preempted before frame ``stop``."""
    steps = predict(PlanCall(12, (6, ARG), "hvm32"))
    copies: list[tuple[str, int, int]] = []
    struct = struct_pack("<IIIIHxx", LIST, extents, 0, 0, 0x7FF0)
    reply, asked = None, 0
    while True:
        try:
            step = steps.send(reply)
        except StopIteration as ended:
            return copies, ended.value
        if isinstance(step, PlanCopy):
            copies.append((step.direction, step.address, step.length))
            reply = struct if step.length == len(struct) else bytes(step.length)
        else:
            asked += step.kind == "continue"
            reply = (step.kind == "continue" and asked == stop) or step.usual


def test_frames_go_through_the_translation_area_so_many_at_a_time() -> None:
    """compat_memory_op(): 1,020 8-byte frames fit behind struct xen_memory_reservation."""

    def frames(way: str, first: int, last: int) -> list[tuple[str, int, int]]:
        return [(way, LIST + 4 * i, 4) for i in range(first, last)]

    copies, outcome = made(1022)
    assert copies == [
        ("from", ARG, 20),
        *frames("from", 0, 1020), *frames("to", 0, 1020),
        *frames("from", 1020, 1022), *frames("to", 1020, 1022),
    ]  # fmt: skip
    assert (outcome.how, outcome.value) == ("returned", 1022)
    # Preempted after two of three: the two are copied back, and the next leg goes on there.
    copies, outcome = made(3, stop=2)
    assert copies == [("from", ARG, 20), *frames("from", 0, 3), *frames("to", 0, 2)]
    assert (outcome.how, outcome.args) == ("continued", (6 | 2 << 6, ARG))


@pytest.mark.parametrize(
    ("number", "op", "what"),
    [(12, 15, "memory_op.remove_from_physmap"), (29, 2, "sched_op.shutdown"),
     (20, 5, "grant_table_op"), (24, 4, "vcpu_op")],
)  # fmt: skip
def test_what_is_not_described_is_said_and_not_guessed(number: int, op: int, what: str) -> None:
    found = explain(PlanCall(number, (op, ARG), "hvm32"), [("from", ARG, 16)])
    assert found.verdict == "unmodelled"
    assert found.expected == f"the catalogue lacks the 32-bit ABI of {what}"


def test_what_no_hvm_guest_has_is_refused_by_xen() -> None:
    for number in (1, 57):  # mmu_update; no such number
        assert explain(PlanCall(number, (0, ARG), "hvm32"), []).outcome.how == "failed"
    assert explain(PlanCall(29, (77, ARG), "hvm32"), []).outcome.how == "failed"

"""A session is text: random sessions replay byte for byte, whatever failed in them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import xenexplore as xe

DESIGNS = [
    "linear-walk",
    "software-tlb: entries=2, policy=lru",
    "software-tlb: register=stack, on_switch=tag",
    "giant-map",
    "number-bit",
    "bounce",
]
GUESTS = st.fixed_dictionaries(
    {
        "kernel": st.sampled_from(["linux", "freebsd", "unikernel"]),
        "memory": st.just("96 MiB"),
        "vcpus": st.sampled_from([1, 2]),
        "encryption": st.sampled_from(["none", "snp"]),
        "xen": st.sampled_from(["4.17", "4.21"]),
    }
)
CALLS = [
    ("event_channel_op send", {"arg": 0}),
    ("event_channel_op alloc_unbound", {"arg": 1}),
    ("vcpu_op get_runstate_info", {"vcpuid": None, "arg": 2}),
]
OPERATIONS = st.tuples(
    st.sampled_from(
        ["field", "bytes", "memory", "place", "remap", "unmap", "protect", "share", "p2m", "switch",
         "entry", "raw entry", "call", "register", "insert", "purge", "range", "lookup", "undo",
         "multicall"]
    ),
    st.integers(0, 2),
    st.integers(0, 1),
    st.integers(0, 7),
)  # fmt: skip


def places(guest: xe.Guest) -> list[xe.Buffer]:
    where = "vmalloc" if "vmalloc" in dir(guest.buffer) else "kmalloc"
    return [
        guest.buffer("stack", struct="evtchn_send", port=5),
        guest.buffer("kmalloc", struct="evtchn_alloc_unbound", dom=0x7FF0),
        guest.buffer(where, 48, offset=4090 if where == "vmalloc" else None),
    ]


def act(guest: xe.Guest, xen: xe.Xen | None, held: list[xe.Buffer], one: Any) -> None:
    """One operation; with no Xen yet, only what the guest does alone."""
    what, which, bit, number = one
    buffer, vcpu = held[which], bit
    alone = {
        "field": lambda: setattr(held[0], "port", number),
        "bytes": lambda: buffer.write(bytes([number, 1]), at=bit),
        "memory": lambda: guest.memory.__setitem__(buffer, bytes([number])),
        "place": lambda: guest.buffer("kmalloc", data=bytes([number + 1]) * 5000),
        "remap": lambda: guest.remap(buffer),
        "unmap": lambda: guest.unmap(buffer),
        "protect": lambda: guest.protect(buffer, writable=bool(bit)),
        "share": lambda: guest.share(buffer, shared=bool(bit)),
        "p2m": lambda: guest.set_p2m_type(buffer, ["p2m_ram_ro", "p2m_ram_rw"][bit]),
        "switch": lambda: guest.run_on(vcpu, ["init", "xl"][number % 2]),
        "entry": lambda: setattr(
            guest.page_tables.entry(buffer, number % 3 + 1), ["user", "writable"][bit], number > 3
        ),
        "raw entry": lambda: setattr(guest.page_tables.entry(buffer), "frame", 0x300 + number),
    }
    if what in alone:
        alone[what]()
    elif xen is not None:
        under(guest, xen, held, one)


def under(guest: xe.Guest, xen: xe.Xen, held: list[xe.Buffer], one: Any) -> None:
    what, which, bit, number = one
    buffer = held[which]
    if what == "undo":
        xen.undo()
    elif what == "call":
        name, arguments = CALLS[which]
        filled = {k: bit if v is None else held[v] for k, v in arguments.items()}
        xen.hypercall(name, vcpu=bit, **filled)
    elif what == "multicall":
        xen.multicall([("event_channel_op send", {"arg": held[0]})] * (bit + 1), vcpu=bit)
    else:
        tlb = xen.tlb[bit % len(xen.tlb)]
        {
            "register": lambda: tlb.register(buffer if number else "stack"),
            "insert": lambda: tlb.insert(buffer.va + number, xe.Gpa(0x300000), number * 100),
            "purge": lambda: tlb.purge(buffer if number else "all"),
            "range": lambda: tlb.purge(buffer.va, number + 1),
            "lookup": lambda: tlb.lookup(buffer if number % 2 else buffer.va + number),
        }[what]()


def tried(*arguments: Any) -> bool:
    """Whether an operation was possible; what was not must leave no trace."""
    try:
        act(*arguments)
    except (xe.XenexploreError, IndexError):
        return False
    return True


@given(GUESTS, st.sampled_from(DESIGNS), st.lists(OPERATIONS, max_size=4),
       st.lists(OPERATIONS, max_size=12))  # fmt: skip
@settings(
    max_examples=40, deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
def test_a_session_replays_from_its_text(
    choices: dict[str, Any], design: str, before: list[Any], after: list[Any]
) -> None:
    guest = xe.Guest(**choices)
    held = places(guest)
    for one in before:
        tried(guest, None, held, one)
    xen = xe.Xen(guest, design)
    if not xen.refusal:
        for one in after:
            tried(guest, xen, held, one)
    trace, text = xen.trace, xen.scenario().text()
    read = xe.parse(text)
    assert read == xen.scenario()
    assert read.text() == text
    again = xe.run(read)
    assert again.to_json() == trace.to_json()
    assert again.text() == trace.text()
    back = xe.Guest.from_scenario(text)
    other = xe.Xen(back)
    if not other.refusal:
        other.replay()
        assert other.scenario().text() == text
    assert other.trace.to_json() == trace.to_json()
    assert [bytes(b) for b in mapped(back)] == [bytes(b) for b in mapped(guest)]


def mapped(guest: xe.Guest) -> list[xe.Buffer]:
    found = []
    for buffer in guest.buffers.values():
        try:
            bytes(buffer)
        except xe.MachineError:
            continue
        found.append(buffer)
    return found


@pytest.mark.parametrize("name", ["evtchn-send-from-stack", "straddle", "wrong-vcpu"])
def test_a_built_in_stepped_through_is_the_run(name: str) -> None:
    scenario = xe.load(name)
    guest = xe.Guest.from_scenario(name)
    xen = xe.Xen(guest)
    while guest.pending:
        xen.replay(1)
    assert xen.trace.to_json() == xe.run(scenario).to_json()


def test_what_fails_changes_nothing() -> None:
    guest = xe.Guest("linux", memory="96 MiB")
    (send, *_) = places(guest)
    xen = xe.Xen(guest, "software-tlb")
    xen.hypercall("event_channel_op send", arg=send)
    before = (xen.trace.to_json(), guest.snapshot(), xen.scenario())
    for wrong in (
        lambda: guest.remap(send, frames=[0x300, 0x301]),
        lambda: guest.buffer("fixed", 8, address=send.va, frames=[0x300]),
        lambda: setattr(guest.page_tables.entry(send), "frame", -1),
        lambda: send.write(b"12345"),
        lambda: xen.hypercall("event_channel_op snd", arg=send),
        lambda: xen.hypercall("event_channel_op send", agr=send),
        lambda: xen.hypercall("event_channel_op send", arg="@nobody"),
        lambda: xen.hypercall("event_channel_op send", vcpu=1),
        lambda: guest.set_p2m_type(send, "p2m_ram_r"),
        lambda: guest.run_on(3, "xl"),
        lambda: guest.share(send),
        lambda: xen.tlb[0].register("direct-map"),
        lambda: xen.replay(-1) and xen.multicall([]),
    ):
        with pytest.raises(xe.XenexploreError):
            wrong()
        assert (xen.trace.to_json(), guest.snapshot(), xen.scenario()) == before


def test_a_page_table_edit_shows_in_the_next_walk_and_call() -> None:
    guest = xe.Guest("linux", memory="96 MiB")
    (send, *_) = places(guest)
    xen = xe.Xen(guest)
    assert xen.hypercall("event_channel_op send", arg=send).outcome.status == "right"
    leaf = guest.page_tables.entry(send)
    leaf.present = False
    assert not guest.walk(send).ok
    assert xen.hypercall("event_channel_op send", arg=send).outcome.result == -14
    leaf.present = True
    assert guest.walk(send).gpa == send.gpa
    leaf.writable = False
    assert not guest.walk(send, xe.WRITE).ok
    with pytest.raises(xe.MachineError, match="cannot write 4 bytes"):
        send.port = 9


def test_a_later_xen_takes_the_guest_over() -> None:
    guest = xe.Guest("linux", memory="96 MiB")
    (send, *_) = places(guest)
    send.port = 9
    first = xe.Xen(guest, "linear-walk")
    first.hypercall("event_channel_op send", arg=send)
    guest.remap(send)
    second = xe.Xen(guest, "software-tlb", register=["buffer:evtchn-send"])
    assert send.port == 0, "the new frame is empty"
    assert [action.do for action in second.actions] == ["write", "remap", "setup"]
    with pytest.raises(xe.MachineError, match="no longer runs the guest"):
        first.hypercall("event_channel_op send", arg=send)
    assert len(first.actions) == 4
    assert second.hypercall("event_channel_op send", arg=send).outcome.calls.walks == 0
    second.undo()
    assert second.trace.to_json() == xe.run(second.scenario()).to_json()


def test_a_hypercall_s_own_trace_is_its_part_of_the_whole() -> None:
    guest = xe.Guest("linux", memory="96 MiB")
    (send, *_) = places(guest)
    xen = xe.Xen(guest, "linear-walk")
    one = xen.hypercall("event_channel_op send", arg=send)
    two = xen.hypercall.event_channel_op.send(arg=send)
    whole = xen.trace
    assert len(one) + len(two) == len(whole)
    assert [node.step for node in (*one.steps, *two.steps)] == [n.step for n in whole.steps]
    assert [node.index for node in two.steps] == list(range(len(two)))
    assert all(node.parent < node.index for node in two.steps)
    assert two.outcome.calls.exits == 1
    assert two.text()
    assert two.svg()

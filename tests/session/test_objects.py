"""Objects at the prompt: what they teach by tab, how they refuse, what they read and write."""

from __future__ import annotations

import inspect
import json
from typing import Any

import pytest
from IPython.core.completer import IPCompleter, provisionalcompleter

import xenexplore as xe
from xenexplore.guest.spec import GuestSpec


@pytest.fixture
def guest() -> xe.Guest:
    return xe.Guest("linux", memory="96 MiB", vcpus=2)


def test_every_field_of_a_spec_is_a_keyword() -> None:
    shown = set(inspect.signature(xe.Guest).parameters)
    assert shown == {"xen", *GuestSpec.__dataclass_fields__}
    spec = GuestSpec(kernel="freebsd", memory=128 << 20, vcpus=2, encryption="sev", seed=3)
    given = {name: getattr(spec, name) for name in GuestSpec.__dataclass_fields__}
    assert xe.Guest(**given).spec == spec == xe.Guest(spec).spec
    assert xe.Guest(spec, vcpus=1).spec.vcpus == 1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda g: xe.Guest("linx"), "did you mean 'linux'"),
        (lambda g: xe.Guest("linux", encrypted=True), "did you mean 'encryption'"),
        (lambda g: xe.Guest("linux", memory="lots"), "'768 MiB'"),
        (lambda g: g.buffer("stak", 8), "did you mean 'stack'"),
        (lambda g: g.buffer("stack", struct="evtchn_snd"), "did you mean 'evtchn_send'"),
        (lambda g: g.buffer("stack", struct="evtchn_send", prt=5), "did you mean 'port'"),
        (lambda g: g.buffer("stack", strct="evtchn_send"), "did you mean 'struct'"),
        (lambda g: g.buffer("stack", struct="evtchn_send", port=1 << 40), "cannot hold"),
        (lambda g: g.buffer("stack"), "no length"),
        (lambda g: g.buffer("stack", 2, struct="evtchn_send"), "more than its length"),
        (lambda g: g.buffer("fixed", 8), "address=.* and frames"),
        (lambda g: g.buffer("stack", 8, name="No Name"), "lowercase letters"),
        (lambda g: g.buffers["nothing"], "no buffer 'nothing'"),
        (lambda g: g.regions["vmaloc"], "did you mean 'vmalloc'"),
        (lambda g: g.memory[xe.Gva(1 << 63) :], "both ends"),
        (lambda g: g.memory[xe.Gva(0xFFFF_FFFF_8100_0000)], "guest.walk"),
        (lambda g: g.memory[0x1000 : 0x1000 + (8 << 20)], "expected 1 to"),
        (lambda g: g.memory[0xF000_0000], "no RAM that the guest can read"),
        (lambda g: g.p2m["x"], "guest frame number"),
        (lambda g: g.walk(0x1000, by="me"), "no walker 'me'"),
        (lambda g: g.walk("@nothing"), "no buffer 'nothing'"),
        (lambda g: g.walk(0x1000, process="xl"), "no process 'xl'"),
        (lambda g: g.page_tables.entry(0x1000, 7), "levels 4 to 1"),
        (lambda g: g.page_tables.entry(0xFFFF_8880_0200_0000, 1), "maps the page itself"),
        (lambda g: g.share(g.buffer("stack", 8)), 'encryption="snp"'),
        (lambda g: xe.Xen("linux"), "make one with xe.Guest"),
        (lambda g: xe.Xen(g, "sofware-tlb"), "did you mean 'software-tlb'"),
        (lambda g: xe.Xen(g, "software-tlb", entires=3), "did you mean 'entries'"),
        (lambda g: xe.Xen(g).tlb, 'design="software-tlb"'),
        (lambda g: xe.Xen(g).hypercall("event_channel_op sned"), "did you mean"),
        (lambda g: xe.Xen(g).hypercall("event_channel_op send", ag=1), "did you mean 'arg'"),
        (lambda g: xe.Xen(g).hypercall("event_channel_op send", arg="x"), '"@buffer'),
        (lambda g: xe.Xen(g).hypercall("sched_op yield", preempt=[2, 1]), "ascending"),
        (lambda g: xe.Xen(g).hypercall("sched_op yield", vcpu=2), "no vCPU 2"),
        (lambda g: xe.Xen(g, "software-tlb").tlb[0].register("heap"), "expected one of directmap"),
        (lambda g: xe.Xen(g, "software-tlb").tlb[0].lookup(0, 0), "at least 1 byte"),
        (lambda g: xe.Xen(g).scenario(name="No Name"), "lowercase letters"),
    ],
)
def test_what_is_wrong_is_one_error_that_says_what_to_do(
    guest: xe.Guest, wrong: Any, said: str
) -> None:
    with pytest.raises(xe.XenexploreError, match=said) as told:
        wrong(guest)
    assert "\n" not in str(told.value)


def test_tab_completion_teaches(guest: xe.Guest) -> None:
    """By IPython's completer as it comes: it evaluates no property, and no __getattr__."""
    send = guest.buffer("stack", struct="evtchn_send", port=5)
    xen, e = xe.Xen(guest, "software-tlb"), xe.exercise("first-hit")
    names = {"xe": xe, "guest": guest, "send": send, "xen": xen, "e": e,
             "entry": guest.page_tables.entry(send)}  # fmt: skip
    completer = IPCompleter(namespace=names, use_jedi=False)
    kinds = ("magic", "magic_config", "magic_color", "custom_completer", "latex_name", "file")
    completer.disable_matchers = [f"IPCompleter.{kind}_matcher" for kind in kinds]  # need a shell

    def tab(line: str) -> set[str]:
        with provisionalcompleter():
            return {one.text.lstrip(".") for one in completer.completions(line, len(line))}

    assert completer.evaluation == "limited"
    for line, expected in (
        ("guest.", {"buffer", "walk", "regions"}),
        ("guest.buffer.", {"stack", "vmalloc", "privcmd"}),
        ("guest.buffer.stack.evtchn_", {"evtchn_send", "evtchn_alloc_unbound"}),
        ('guest.regions["', {"directmap", "vmalloc"}),
        ('guest.buffers["', {"evtchn-send"}),
        ('e.guest.buffers["', {"send"}),
        ("guest.memory.", {"as_xen"}),
        ("send.", {"port", "va", "frames"}),
        ("entry.", {"present", "nx", "frame"}),
        ("xen.tlb[0].", {"register", "lookup", "purge"}),
        ("xen.trace.", {"steps", "outcome"}),
        ("e.xen.", {"hypercall", "tlb"}),
        ("xen.hypercall.", {"event_channel_op", "memory_op"}),
        ("xen.hypercall.event_channel_op.", {"send", "alloc_unbound"}),
        ("xe.designs.", {"software_tlb", "linear_walk"}),
    ):
        assert expected <= tab(line), line
    assert not [name for name in dir(guest) if name.startswith("_")]
    assert "arg" in (xen.hypercall.event_channel_op.send.__doc__ or "")
    made = guest.buffer.kmalloc.evtchn_send(port=7, name="other")
    assert (made.port, made.place, made.name) == (7, "kmalloc", "other")
    for taken, called in (
        ({"port", "name"}, guest.buffer.stack.evtchn_send),
        ({"arg", "vcpu"}, xen.hypercall.event_channel_op.send),
    ):
        assert taken <= set(inspect.signature(called).parameters)
    for wrong in (lambda: guest.buffer.stak, lambda: guest.buffer.stack.evtchn_snd,
                  lambda: xen.hypercall.memory_opp, lambda: xe.designs.tlb):  # fmt: skip
        with pytest.raises((AttributeError, xe.MachineError)):
            wrong()
    with pytest.raises(AttributeError, match="buffer of Guest cannot be set"):
        guest.buffer = 3


def test_fields_are_guest_memory(guest: xe.Guest) -> None:
    extents = guest.buffer("vmalloc", struct="xen_pfn_t", array=[1, 2, 3])
    whole = guest.buffer("kmalloc", struct="xen_memory_reservation", extent_start=extents,
                         nr_extents=3, domid=0x7FF0)  # fmt: skip
    assert whole["nr_extents"] == 3
    whole.nr_extents = 2
    assert guest.domain.read(whole.va, whole.size) == bytes(whole)
    assert int.from_bytes(bytes(whole)[8:16], "little") == whole.nr_extents == 2
    assert int.from_bytes(bytes(whole)[:8], "little") == extents.va.value
    extents[1] = xe.Gfn(0x77)
    assert [extents[n] for n in range(3)] == [1, 0x77, 3]
    with pytest.raises(xe.MachineError, match="3 elements"):
        extents[3]
    ops = guest.buffer("kmalloc", struct="multicall_entry", array=[{"op": 32}, {"op": 4}])
    assert (ops[0].op, ops[1].op, ops[1].args) == (32, 4, (0,) * 6)
    ops[1]["args[5]"] = 9
    assert ops[1].args[5] == 9
    with pytest.raises(xe.MachineError, match="size cannot be set"):
        whole.size = 3
    with pytest.raises(AttributeError, match="did you mean 'nr_extents'"):
        _ = whole.nr_extent


def test_memory_is_the_guest_s_or_xen_s() -> None:
    guest = xe.Guest("linux", memory="96 MiB", encryption="snp")
    send = guest.buffer("stack", struct="evtchn_send", port=5)
    assert send.gpa is not None
    plain = guest.memory[send.gpa : send.gpa + 4]
    assert (plain, plain.private) == (b"\5\0\0\0", True)
    assert guest.memory.as_xen[send] != plain
    assert guest.walk(send, by="cpu").ok
    assert not guest.walk(send).ok, "Xen reads the tables as ciphertext"
    guest.share(send)
    assert guest.memory.as_xen[send] == plain
    guest.memory[send.gpa : send.gpa + 2] = b"\7\1"
    assert send.port == 0x107
    with pytest.raises(xe.MachineError, match="as the guest"):
        guest.memory.as_xen[send] = b"1234"


def test_the_p2m_shows_what_changed(guest: xe.Guest) -> None:
    send = guest.buffer("stack", struct="evtchn_send", port=5)
    (frame,) = send.frames
    assert frame is not None
    guest.set_p2m_type(send, "p2m_ram_paged")
    assert guest.p2m[frame].type.name == "p2m_ram_paged"
    assert guest.p2m[frame].mfn is None
    runs = guest.p2m.runs
    assert sum(run.frames for run in runs if run.gfn.value < 0x6000) == (96 << 20) >> 12
    assert [run.gfn for run in runs if run.type.name == "p2m_ram_paged"] == [frame]
    assert not xe.Guest("linux", type="pv", memory="96 MiB").p2m.runs


def test_an_entry_is_bits(guest: xe.Guest) -> None:
    send = guest.buffer("stack", struct="evtchn_send", port=5)
    leaf = guest.page_tables.entry(send)
    before = leaf.value
    leaf.set("US")
    leaf.clear("NX")
    assert (leaf.user, leaf.nx, leaf.value) == (True, False, before & ~(1 << 63) | 4)
    leaf.value = before
    assert leaf.value == before
    leaf.frame = 0x1234
    assert guest.walk(send).gpa == xe.Gpa(0x1234000 + send.va.offset)
    with pytest.raises(xe.MachineError, match="no bit 'C'"):
        leaf.encrypted = True
    with pytest.raises(xe.MachineError, match="did you mean 'present'"):
        leaf.presnt = True
    pv = xe.Guest("linux", type="pv", memory="96 MiB")
    held = pv.page_tables.entry(pv.buffer("stack", 8))
    with pytest.raises(xe.MachineError, match="mmu_update"):
        held.present = False


def test_a_tlb_tells_hits_age_overlap_and_staleness(guest: xe.Guest) -> None:
    send = guest.buffer("stack", struct="evtchn_send", port=5)
    other = guest.buffer("vmalloc", 3 * 4096)
    xen = xe.Xen(guest, "software-tlb", entries=4, policy="lru")
    mine = xen.tlb[0]
    pieces = mine.register(other)
    assert len(pieces) == len(mine) == 3, "scattered frames: a piece each"
    mine.purge(other)
    assert mine.register(send).ok
    xen.tlb[1].register(send)
    assert mine.lookup(send).hit
    assert not mine.lookup(other).hit
    xen.hypercall("event_channel_op send", arg=send)
    (one,) = mine
    assert (one.hits, one.age, one.idle) == (2, 3, 0)
    assert (one.covers, one.overlaps, one.stale) == (("evtchn-send",), ("vCPU 1 slot 0",), ())
    again = mine.insert(send.va, xe.Gpa(0x3000), 4)
    assert (again.slot, again.result) == (None, -17)
    guest.remap(send)
    assert mine[0].stale == (send.va.page,)
    wrong = xen.hypercall("event_channel_op send", arg=send)
    assert wrong.outcome.status == "wrong"
    assert mine.purge(send.va).ok
    assert len(mine) == 0


def test_a_runstate_area_and_a_multicall(guest: xe.Guest) -> None:
    area = guest.buffer("percpu", 48, name="area", vcpu=1)
    argument = guest.buffer("stack", 8, name="argument")
    send = guest.buffer("stack", struct="evtchn_send", port=5)
    xen = xe.Xen(guest, "linear-walk")
    assert xen.register_runstate(area, argument, subject=1).outcome.result == 0
    assert xen.update_runstate(1).outcome.right_bytes >= 48
    two = xen.multicall([("event_channel_op send", {"arg": send})] * 2)
    assert two.outcome.status == "right"
    assert xen.trace.to_json() == xe.run(xen.scenario()).to_json()


def test_a_recorded_call_is_a_guest_to_change() -> None:
    guest = xe.Guest.from_recording("pvh", call=2621)
    xen = xe.Xen(guest, "linear-walk")
    first = xen.replay().outcome
    name = next(iter(guest.buffers))
    guest.unmap(guest.buffers[name])
    assert first.status == "right"
    assert xen.trace.to_json() == xe.run(xen.scenario(), "linear-walk").to_json()


def test_a_call_s_own_trace_knows_what_was_registered_before_it(guest: xe.Guest) -> None:
    send = guest.buffer("stack", struct="evtchn_send", port=5, name="send")
    other = guest.buffer("vmalloc", 3 * 4096, name="other")
    xen = xe.Xen(guest, "software-tlb", entries=4)
    for tlb in xen.tlb:
        tlb.register(send)
    xen.tlb[0].register(other)
    xen.tlb[0].purge(other)
    xen.tlb[1].lookup(send)
    call = xen.hypercall("event_channel_op send", arg=send)
    assert [(one.vcpu, one.label, one.slot) for one in call.registered] == [
        (0, "send", 0), (1, "send", 0),
    ]  # fmt: skip
    shown = call.text(view="registered")
    assert "1 lookup, 1 hit" in shown
    assert "[0] ffffc900" in shown
    record = json.loads(call.to_json())
    assert [one["i"] for one in record["registered"]] == [-1, -1]
    assert "registered" not in json.loads(xen.trace.to_json())
    assert xe.Xen(xe.Guest("linux")).hypercall("sched_op yield").registered == ()

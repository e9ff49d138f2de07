"""Finding entries, and how they show themselves."""

from __future__ import annotations

from itertools import pairwise

import pytest

from xenexplore.errors import CatalogueError
from xenexplore.hypercalls import SubOp, facts_of, families, find, search
from xenexplore.hypercalls.callers import CALLERS
from xenexplore.hypercalls.outline.entry_json import entry_json
from xenexplore.hypercalls.outline.outline import accesses, outline
from xenexplore.hypercalls.structs import structs_for


@pytest.mark.parametrize(
    ("words", "title"),
    [
        ("evtchn send", "event_channel_op.send"),
        ("EVTCHNOP_send", "event_channel_op.send"),
        ("event_channel_op.send", "event_channel_op.send"),
        ("memory_op populate_physmap", "memory_op.populate_physmap"),
        ("populate", "memory_op.populate_physmap"),
        ("XENMEM_exchange", "memory_op.exchange"),
        ("gnttab copy", "grant_table_op.copy"),
        ("memory_op", "memory_op"),
        ("vcpu", "vcpu_op"),
        ("multicall", "multicall"),
        ("domctl getdomaininfo", "domctl.getdomaininfo"),
        ("__HYPERVISOR_sysctl", "sysctl"),
    ],
)
def test_find(words: str, title: str) -> None:
    assert find(words).title == title


def test_what_is_not_there_names_what_is_near() -> None:
    with pytest.raises(CatalogueError) as error:
        find("evtchn snd")
    assert "event_channel_op.send" in error.value.nearest
    with pytest.raises(CatalogueError, match="unmap_grant_ref"):
        find("unmap")
    assert search("") == ()


@pytest.mark.parametrize(
    ("words", "near"),
    [
        ("event_channel_op mask", "event_channel_op.unmask"),
        ("evtchn nmask", "event_channel_op.unmask"),
        ("memory_op pulate_physmap", "memory_op.populate_physmap"),
        ("gnttab set_version_no", "grant_table_op.set_version"),
    ],
)
def test_a_part_of_a_word_is_no_name(words: str, near: str) -> None:
    with pytest.raises(CatalogueError) as error:
        find(words)
    assert near in error.value.nearest


def test_every_entry_is_found_by_its_numbers() -> None:
    """As ``hypercall --list`` prints them."""
    for one in families():
        assert find(str(one.number)) is one
        for op in one.ops.values():
            assert find(f"{one.number}.{op.value}") is op
    for words in ("57", "12.63", "12.11.1", "12.x"):
        with pytest.raises(CatalogueError):
            find(words)


def test_the_struct_of_one_kind_of_guest() -> None:
    """arch_initialise_vcpu(): struct vcpu_hvm_context; PV's is 5,168 bytes."""
    entry = find("vcpu_op initialise")
    sizes = {kind: entry_json(entry, CALLERS[kind])["struct"]["size"] for kind in ("hvm", "pv")}
    assert sizes["pv"] == 5168
    assert sizes["hvm"] == structs_for("x86_64").sizeof("vcpu_hvm_context") < 200


def test_every_entry_is_found_by_its_own_names() -> None:
    for one in families():
        assert find(one.name) is one
        for op in one.ops.values():
            assert find(op.title) is op
            assert find(op.constant) is op


def test_repr() -> None:
    assert repr(find("evtchn send")) == (
        "<event_channel_op.send: Signal the other end of a channel.>"
    )
    assert repr(find("vm_assist")).startswith("<vm_assist: ")


def test_facts() -> None:
    facts = facts_of(find("memory_op populate_physmap"))
    assert facts.nested
    assert facts.unbounded
    assert [h.path for h in facts.handles] == ["extent_start"]
    assert not facts_of(find("evtchn send")).nested
    assert not facts_of(find("console_io write")).nested
    # A plain number, which no scan for handles finds.
    gdbsx = facts_of(find("gdbsx_guestmemio"))
    assert gdbsx.nested
    assert gdbsx.handles == ()
    # Behind an array of buffers, although the family's argument has one handle.
    assert facts_of(find("dm_op nr_vcpus")).nested
    vram = facts_of(find("track_dirty_vram"))
    assert (vram.exceeds_page, vram.unbounded) == (True, False)
    assert facts_of(find("domctl getvcpucontext")).exceeds_page
    assert not facts_of(find("coverage_op")).modelled


def test_a_plan_as_one_kind_of_guest_sees_it() -> None:
    hvm = [line.text for line in outline(find("vcpu_op initialise"), "hvm")]
    pv = [line.text for line in outline(find("vcpu_op initialise"), "pv")]
    assert any("vcpu_hvm_context" in text for text in hvm)
    assert not any("vcpu_guest_context" in text for text in hvm)
    assert any("vcpu_guest_context" in text for text in pv)
    assert not any("hvm" in text.split() for text in (*hvm, *pv))


def lines(words: str, guest: str = "hvm") -> list[str]:
    return [line.text for line in outline(find(words), guest)]


def test_what_a_constant_of_the_plan_decides_is_no_test() -> None:
    # do_domctl(): copyback is 0 until a sub-op sets it.
    back = "copy to guest, u_domctl: 144 bytes, xen_domctl"
    assert back not in lines("domctl memory_mapping")
    assert back in lines("domctl getdomaininfo")
    # FLASK_GETENFORCE cannot fail, and writes nothing.
    assert not any("denied by the policy" in text for text in lines("FLASK_GETENFORCE"))
    for one in families():
        for op in one.ops.values():
            for guest in op.guests:
                text = lines(op.title, guest)
                if "if copyback:" in text:
                    assert {"copyback = 0", "copyback = 1"} <= set(text), op.title
                else:
                    assert not any(line.startswith("copyback") for line in text), op.title


def test_a_start_value_that_is_read_is_told() -> None:
    assert "sofar = 0" in lines("sysctl readconsole")
    assert lines("domctl set_vcpu_msrs").count("copyback = 1") == 2
    assert "done is determined by Xen" in lines("platform_op resource_op")
    assert not any("Xen's answer" in text for text in lines("sysctl readconsole"))


def test_a_branch_with_nothing_in_it_is_none() -> None:
    # guest_handle_okay() passes for every HVM guest.
    assert "if left:" in lines("argo_op sendv", "pv")
    assert "if left:" not in lines("argo_op sendv", "hvm")
    assert "if failed:" not in lines("physdev_op set_iobitmap", "pv")
    assert any(text.startswith("returns -EINVAL if failed") for text in lines("set_iobitmap", "pv"))
    for one in families():
        for entry in (one, *one.ops.values()):
            for guest in entry.guests:
                told = [*outline(entry, guest), None]
                for line, after in pairwise(told):
                    if line is not None and line.text.endswith(":") and line.kind != "copy":
                        assert after is not None, entry.title
                        assert after.depth > line.depth, (entry.title, line.text)


def test_json() -> None:
    record = entry_json(find("gnttab unmap_grant_ref"))
    assert (record["number"], record["sub_op"]) == (20, 1)
    copies = [line for line in record["plan"] if line["kind"] == "copy"]
    assert [(c["direction"], c["field"], c["size"]) for c in copies] == [
        ("from", None, 24),
        ("to", "status", 2),
    ]
    assert record["struct"]["size"] == 24
    assert [r["register"] for r in record["registers"]] == ["rax", "rdi", "rsi", "rdx"]


def test_every_copy_says_what_it_is() -> None:
    for one in families():
        for entry in one.ops.values() or [one]:
            for line in accesses(entry, entry.guests[0] if isinstance(entry, SubOp) else "pv"):
                assert line.role, entry.title

from __future__ import annotations

import pytest

from xenexplore.errors import CatalogueError, ScenarioError
from xenexplore.scenario.library.builtin import builtin_text, find_scenario
from xenexplore.scenario.model.call_names import find_call
from xenexplore.scenario.model.contents import contents_bytes, scalar_bytes
from xenexplore.scenario.model.scenario import Contents
from xenexplore.scenario.model.values import Reference, parse_value, value_text


def address(reference: Reference) -> int:
    return {"a": 0x1000, "b": 0xFFFF_8880_0000_0000}[reference.buffer] + reference.offset


def test_a_struct_is_laid_out_as_the_header_says():
    """struct xen_memory_reservation: handle, u64, two unsigned ints, domid (public/memory.h)."""
    fields = (("extent_start", Reference("b", 8)), ("nr_extents", 3), ("domid", 0x7FF0))
    held = Contents(struct="xen_memory_reservation", fields=fields)
    wanted = bytes.fromhex("0800000080 88ffff 0300000000000000 00000000 00000000 f07f000000000000")
    assert contents_bytes(held, address) == wanted
    assert held.size == len(wanted)


def test_an_array_of_structs_and_one_of_scalars():
    structs = Contents(struct="evtchn_send", array=((("port", 1),), (), (("port", 2),)))
    assert contents_bytes(structs, address) == bytes.fromhex("01000000 00000000 02000000")
    scalars = Contents(struct="xen_pfn_t", array=(1, Reference("a")))
    assert contents_bytes(scalars, address) == bytes.fromhex("0100000000000000 0010000000000000")


def test_text_and_bytes():
    assert contents_bytes(Contents(text="hé"), address) == b"h\xc3\xa9\0"
    assert contents_bytes(Contents(data=b"\x01"), address) == b"\x01"
    assert contents_bytes(Contents(), address) == b""


def test_bit_fields_share_their_unit():
    kind = "uint32_t:12@20"
    assert scalar_bytes(kind, (1 << 12) - 1) is not None
    assert scalar_bytes(kind, 1 << 12) is None
    assert scalar_bytes(kind, -1) is None


@pytest.mark.parametrize(
    ("kind", "value", "wanted"),
    [
        ("uint8_t", 255, b"\xff"),
        ("uint8_t", 256, None),
        ("int32_t", -1, b"\xff" * 4),
        ("uint64_t", -(1 << 63), bytes(7) + b"\x80"),
        ("uint64_t", -(1 << 63) - 1, None),
        ("uint8_t[4]", 1, None),
        ("evtchn_send", 1, None),
        ("handle(void)", 1 << 63, bytes(7) + b"\x80"),
    ],
)
def test_numbers_fit_their_type_or_are_refused(kind, value, wanted):
    assert scalar_bytes(kind, value) == wanted


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (5, 5),
        ("0xffff'8880_0000", 0xFFFF_8880_0000),
        ("DOMID_SELF", 0x7FF0),
        ("@op", Reference("op")),
        ("@op+8", Reference("op", 8)),
        ("@op.x-1+0x10", Reference("op.x-1", 16)),
        ("@", None),
        ("@op+", None),
        ("@op+x", None),
        ("0xg", None),
        ("5", None),
        (True, None),
        (1.5, None),
        (["@op"], None),
    ],
)
def test_values(raw, value):
    assert parse_value(raw) == value
    if value is not None:
        assert parse_value(value_text(value)) == value


def test_hypercalls_by_every_name():
    family, op = find_call("event_channel_op send")
    assert (family.number, op.value) == (32, 4)
    assert find_call("EVTCHNOP_send") == find_call("event_channel_op.send") == (family, op)
    assert find_call("multicall")[1] is None
    assert find_call("domctl")[1] is None  # its sub-op is named inside the struct
    with pytest.raises(CatalogueError, match="EVTCHNOP_send"):
        find_call("EVTCHNOP_snd")
    with pytest.raises(CatalogueError):
        find_call("multicall send")


def test_a_scenario_is_a_built_in_or_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = builtin_text("wrong-vcpu")
    (tmp_path / "mine").write_text(text.replace('"wrong-vcpu"', '"mine"', 1), encoding="utf-8")
    (tmp_path / "wrong-vcpu").write_text("no scenario", encoding="utf-8")
    assert find_scenario("mine").about.name == "mine"
    assert find_scenario("wrong-vcpu").source == "wrong-vcpu.toml"
    with pytest.raises(ScenarioError, match="expected TOML"):
        find_scenario("./wrong-vcpu")
    with pytest.raises(FileNotFoundError):
        find_scenario("absent.toml")
    with pytest.raises(ScenarioError, match="see xenexplore scenario list"):
        find_scenario("zzzzzzzz")

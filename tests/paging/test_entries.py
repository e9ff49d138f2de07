from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xenexplore.addr import Gpa
from xenexplore.errors import MachineError
from xenexplore.paging import Mode, PageTableEntry, entry_flags, make_entry
from xenexplore.paging.entries import split_large

WIDE = (Mode.LEVEL4, Mode.LEVEL5)
kinds = st.sampled_from(
    [(m, level, False) for m in list(Mode)[1:] for level in range(1, m.levels + 1)]
    + [(Mode.LEGACY, 2, True), (Mode.PAE, 2, True)]
    + [(m, level, True) for m in WIDE for level in (2, 3)]
)


@given(kinds, st.data())
def test_what_is_made_is_what_is_read(kind, data):
    mode, level, large = kind
    leaf = large or level == 1
    pae_top = mode is Mode.PAE and level == 3
    shift = 12 + (10 if mode is Mode.LEGACY else 9) * (level - 1) if large else 12
    bits = (40 if large else 32) if mode is Mode.LEGACY else 52
    address = data.draw(st.integers(0, (1 << bits - shift) - 1)) << shift
    flag = st.booleans()
    said = {name: data.draw(flag) for name in ("writable", "user", "accessed", "pwt", "pcd")}
    if leaf:
        said |= {name: data.draw(flag) for name in ("dirty", "global_", "pat")}
    if mode is not Mode.LEGACY and not pae_top:
        said["nx"] = data.draw(flag)
    if mode in WIDE and leaf:
        said["pkey"] = data.draw(st.integers(0, 15))
    value = make_entry(mode, level, address, large=large, **said)
    assert value < 1 << 8 * mode.entry_size
    entry = PageTableEntry(value, level, mode)
    assert entry.present
    assert (entry.leaf, entry.large) == (leaf, large)
    assert entry.address == Gpa(address)
    assert entry.writable is (said["writable"] or pae_top)
    assert entry.user is (said["user"] or pae_top)
    assert entry.accessed is (said["accessed"] and not pae_top)
    assert entry.dirty is said.get("dirty", False)
    assert entry.nx is said.get("nx", False)
    assert entry.pkey == said.get("pkey", 0)
    names = set(entry.flags.split())
    assert ("PAT" in names) is said.get("pat", False)
    assert ("G" in names) is said.get("global_", False)
    assert ("PWT" in names) is said["pwt"]
    assert ("PCD" in names) is said["pcd"]
    assert ("PS" in names) is large


@pytest.mark.parametrize(
    ("value", "level", "mode", "flags"),
    [
        (0, 1, Mode.LEVEL4, "-"),
        (0x8000_0000_0000_01E3, 2, Mode.LEVEL4, "P RW A D PS G NX"),
        (0x1000 | 0x80 | 1, 2, Mode.LEVEL4, "P PS PAT"),
        (0x81, 1, Mode.LEVEL4, "P PAT"),
        (0x67, 4, Mode.LEVEL4, "P RW US A"),  # bit 6 of a table's entry means nothing
        (0x81, 4, Mode.LEVEL4, "P"),
        (7 << 59 | 1, 1, Mode.LEVEL5, "P PK=7"),
        (7 << 59 | 1, 2, Mode.LEVEL5, "P"),
        (0x1F, 1, Mode.LEGACY, "P RW US PWT PCD"),
        (0x9, 3, Mode.PAE, "P PWT"),
    ],
)
def test_flags_by_name(value, level, mode, flags):
    assert entry_flags(value, level, mode) == flags


def test_the_c_bit_is_no_address():
    value = make_entry(Mode.LEVEL4, 1, 0x5000, c_bit=47)
    entry = PageTableEntry(value, 1, Mode.LEVEL4, 47)
    assert value >> 47 & 1
    assert (entry.address, entry.encrypted, entry.flags) == (Gpa(0x5000), True, "P RW C")
    assert PageTableEntry(value, 1, Mode.LEVEL4).address == Gpa(0x5000 | 1 << 47)
    assert not PageTableEntry(value, 1, Mode.LEVEL4).encrypted


@pytest.mark.parametrize(
    ("mode", "level", "address", "said"),
    [
        (Mode.LEVEL4, 5, 0, {}),
        (Mode.LEVEL4, 0, 0, {}),
        (Mode.LEGACY, 3, 0, {}),
        (Mode.LEVEL4, 4, 0, {"large": True}),
        (Mode.PAE, 3, 0, {"large": True}),
        (Mode.LEVEL4, 1, 0, {"large": True}),
        (Mode.LEGACY, 1, 0, {"nx": True}),
        (Mode.PAE, 3, 0, {"nx": True}),
        (Mode.PAE, 1, 0, {"pkey": 1}),
        (Mode.LEVEL4, 2, 0, {"pkey": 1}),
        (Mode.LEVEL4, 1, 0, {"pkey": 16}),
        (Mode.LEVEL4, 2, 0, {"dirty": True}),
        (Mode.LEVEL4, 2, 0, {"global_": True}),
        (Mode.LEVEL4, 2, 0, {"pat": True}),
        (Mode.LEGACY, 1, 0, {"c_bit": 20}),
        (Mode.LEVEL4, 1, 1 << 52, {}),
        (Mode.LEVEL4, 1, 0x800, {}),
        (Mode.LEVEL4, 2, 0x1000, {"large": True}),
        (Mode.LEGACY, 1, 1 << 32, {}),
        (Mode.LEGACY, 2, 1 << 40, {"large": True}),
    ],
)
def test_what_an_entry_cannot_say_is_refused(mode, level, address, said):
    with pytest.raises(MachineError, match="cannot hold"):
        make_entry(mode, level, address, **said)


@pytest.mark.parametrize(
    ("mode", "level", "address"),
    [(Mode.LEVEL4, 3, 3 << 30), (Mode.LEVEL5, 2, 5 << 21), (Mode.PAE, 2, 7 << 21),
     (Mode.LEGACY, 2, 9 << 22)],
)  # fmt: skip
@pytest.mark.parametrize("pat", [False, True])
def test_a_split_superpage_maps_the_same(mode, level, address, pat):
    said = {"user": True, "dirty": True, "global_": True, "pat": pat}
    entry = PageTableEntry(make_entry(mode, level, address, large=True, **said), level, mode)
    pieces = split_large(entry)
    below = entry.level - 1
    size = 1 << PageTableEntry(0, below, mode).page_shift
    assert len(pieces) * size == 1 << entry.page_shift
    assert pieces == [
        make_entry(mode, below, address + place * size, large=below > 1, **said)
        for place in range(len(pieces))
    ]


def test_a_split_keeps_the_c_bit():
    entry = PageTableEntry(
        make_entry(Mode.LEVEL4, 2, 2 << 20, large=True, c_bit=45), 2, Mode.LEVEL4, 45
    )
    assert split_large(entry)[3] == make_entry(Mode.LEVEL4, 1, (2 << 20) + 0x3000, c_bit=45)


def test_no_small_page_reaches_past_4_gib_in_32_bit_paging():
    entry = PageTableEntry(make_entry(Mode.LEGACY, 2, 1 << 32, large=True), 2, Mode.LEGACY)
    with pytest.raises(MachineError, match="past 4 GiB"):
        split_large(entry)

"""Two real PVH guests: our walk through their nested tables against Xen's own answers."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
import zstandard

from xenexplore.addr import Maddr
from xenexplore.memory import GuestMemory, NestedP2m, Ram
from xenexplore.paging import PagingState, WalkEnd, walk

DATA = Path(__file__).parent.parent / "data" / "images" / "xen-pvh"
CHECK = json.loads((DATA / "ptcheck.json").read_text())
WALKS = json.loads((DATA / "walks.json").read_text())


@pytest.fixture(scope="module")
def machine():
    packed = (DATA / "ptpages.bin.zst").read_bytes()
    pages = zstandard.ZstdDecompressor().decompressobj().decompress(packed)
    ram = Ram()
    for at in range(0, len(pages), 4104):
        (maddr,) = struct.unpack_from("<Q", pages, at)
        ram.write(maddr, pages[at + 8 : at + 4104])
    assert len(ram) == CHECK["pt_pages"] == 33
    return ram


@pytest.mark.parametrize("vcpu", list(WALKS))
def test_every_page_still_mapped_is_where_xens_walk_found_it(machine, vcpu):
    known = CHECK[vcpu]
    memory = GuestMemory(NestedP2m(machine, Maddr(int(known["npt_root"], 16))), machine)
    state = PagingState.long_mode(int(known["guest_cr3(v)"], 16))
    agree = gone = 0
    for va, gfn in WALKS[vcpu].items():
        w = walk(memory.hypervisor, state, int(va, 16))
        if w.ok:
            assert w.gpa_value >> 12 == int(gfn, 16), va
            assert len(w.lookups) == len(w.entries) + 1
            # 2 MiB nested pages: three entry reads a lookup; all is plain RAM.
            assert {entry.entry_reads for entry in w.lookups} == {3}
            assert {entry.type.name for entry in w.lookups} == {"p2m_ram_rw"}
            agree += 1
        else:
            assert w.end is WalkEnd.NOT_PRESENT
            gone += 1
    assert (agree, gone) == (known["agree"], known["unmapped_now"])


def test_the_numbers_are_those_of_the_recording():
    by_domain = sorted((CHECK[v]["domid"], len(w), CHECK[v]["agree"]) for v, w in WALKS.items())
    assert by_domain == [(0, 47, 20), (1, 13, 13)]

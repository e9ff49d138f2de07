"""Our figures against a characterisation made by other code (tests/data/recordings).

Where they differ, and why:

* ``user``: the other code calls every low address the user's.  The first four
  buffers of PVH dom0 (near 0x3148280) were made in early boot, on
  identity-mapped page tables; Xen's own walks show gfn == address >> 12.  We
  count them as identity-mapped.
* ``directmap``: for PV dom0 the other code was not told where its percpu area
  lies, and counts it as directmap.  ``kernel image`` and ``stack(...)``: we
  tell sections apart, and name init_task's stack whether RSP was recorded or not.
  All are compared as sums.
* sub-ops: the other code lists none for ``xenpmu_op``, and for calls whose
  sub-op is not in a register it lists none, as we do.
* outside any hypercall: it has one percpu area for all domains, we have each
  domain's own; compared without regions.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from xenexplore.guest.layout.regions import RegionKind
from xenexplore.hypercalls.catalogue.entries import family, numbers
from xenexplore.recording.contents.call_buffers import find_buffers
from xenexplore.recording.contents.summary import summarise
from xenexplore.recording.format.columns import DIRECTIONS

FOLDER = Path(__file__).parents[1] / "data" / "recordings"
# Names that the other code spells differently.
SPELLING = {"update_va_mapping_other": "update_va_mapping_otherdomain", "-1": "unhandled"}


def pairs(text: str) -> dict[int, int]:
    """``16:161148, 128:48313`` as numbers."""
    return {int(a): int(b) for a, b in re.findall(r"(\d+):(\d+)", text)}


def parse(name: str) -> dict:
    """The figures of a characterisation, by (kind, domain)."""
    text = (FOLDER / f"{name}.chars.txt").read_text()
    found: dict = {"total": int(re.search(r"^hypercalls (\d+)", text)[1]), "domains": {}}
    body, _, outside = text.partition("\noutside any hypercall")
    found["outside"] = int(re.search(r"total (\d+)", outside)[1])
    found["outside_kinds"] = [
        (how, size, int(count))
        for how, size, count in re.findall(r"(\w+)/[^/]+/(>?\d+) (\d+)", outside)
    ]
    found["walks"] = int(re.search(r"copies: (\d+)", outside)[1])
    for block in re.split(r"\n\n", body)[1:]:
        head = re.match(r"(\w+) domain (-?\d+): (\d+) hypercalls", block)
        calls, _, rest = block.partition("buffers by region")
        found["domains"][int(head[2])] = {
            "kind": head[1],
            "hypercalls": int(head[3]),
            "calls": {
                m[1]: (int(m[2]), pairs(m[3]))
                for m in re.finditer(r"^  (\S+) +(\d+)   (.*)$", calls, re.MULTILINE)
            },
            "regions": {
                m[1]: tuple(map(int, m.groups()[1:]))
                for m in re.finditer(r"^    (\S.*?) +(\d+) +(\d+) +(\d+)$", rest, re.MULTILINE)
            },
            "sizes": pairs(rest.rpartition("sizes:")[2].partition("\n")[0]),
            "cr3": int(m[1]) if (m := re.search(r"distinct CR3: (\d+)", rest)) else 0,
        }  # fmt: skip
    return found


@pytest.fixture(params=["pv", "pvh"])
def both(request, kallsyms):
    recording = request.getfixturevalue(request.param)
    theirs = parse(request.param)
    ours = summarise(recording, kallsyms)
    by_domain = {d.domain.domid if d.domain else -1: d for d in ours.domains}
    assert set(by_domain) == set(theirs["domains"])
    return recording, ours, by_domain, theirs


def test_totals(both):
    _, ours, _, theirs = both
    assert ours.hypercalls == theirs["total"]
    assert ours.accesses_outside == theirs["outside"]
    assert ours.walks == theirs["walks"]


def test_hypercalls_and_sub_ops(both):
    _, _, by_domain, theirs = both
    compared = 0
    for domid, block in theirs["domains"].items():
        mine = by_domain[domid]
        assert mine.hypercalls == block["hypercalls"]
        assert {c.name: c.count for c in mine.calls} == {
            SPELLING.get(name, name): count for name, (count, _) in block["calls"].items()
        }
        subs = {c.name: {s.value: s.count for s in c.sub_ops} for c in mine.calls}
        for name, (_, theirs_subs) in block["calls"].items():
            if theirs_subs:
                assert subs[name] == theirs_subs
                compared += len(theirs_subs)
        listed = {name for name, (_, subs) in block["calls"].items() if subs}
        assert {name for name, values in subs.items() if values} - listed <= {"xenpmu_op"}
    assert compared > 40


def region_sums(domain) -> dict[str, tuple[int, int, int]]:
    """Buffers, pages and crossings, summed as far as the other code tells regions apart."""
    sums: Counter = Counter()
    for use in domain.regions:
        if use.kind in (RegionKind.USER, RegionKind.IDENTITY):
            name = "user"
        elif use.name in ("directmap", "percpu area"):
            name = "directmap"
        elif use.name in ("vmalloc", "hardirq stack"):
            name = "vmalloc"
        else:
            assert use.part_of in ("kernel image", ".data", ".init")
            name = "image"
        for index, value in enumerate((use.buffers, use.pages, use.crossing)):
            sums[name, index] += value
    return {name: tuple(sums[name, i] for i in range(3)) for name, _ in sums}


THEIR_REGIONS = {
    "user": "user", "directmap": "directmap", "percpu(directmap)": "directmap",
    "vmalloc": "vmalloc", "stack(vmap)": "vmalloc", "kernel image": "image",
    "stack(image/init)": "image",
}  # fmt: skip


def test_buffers_by_region(both):
    _, _, by_domain, theirs = both
    for domid, block in theirs["domains"].items():
        expected: Counter = Counter()
        for name, values in block["regions"].items():
            for index, value in enumerate(values):
                expected[THEIR_REGIONS[name], index] += value
        mine = region_sums(by_domain[domid])
        assert {k: v[0] for k, v in mine.items()} == {
            n: expected[n, 0] for n, i in expected if i == 0
        }
        assert {k: v[2] for k, v in mine.items()} == {
            n: expected[n, 2] for n, i in expected if i == 2
        }
        for name, (_, pages, _) in mine.items():
            # A page that holds two of our regions counts in both, and the
            # other way round.
            assert abs(pages - expected[name, 1]) <= 2


def test_stacks_where_rsp_was_recorded(both):
    _, _, by_domain, theirs = both
    for domid, block in theirs["domains"].items():
        stacks = sum(v[0] for n, v in block["regions"].items() if n.startswith("stack"))
        mine = [use.on_stack for use in by_domain[domid].regions]
        if stacks:
            assert sum(mine) == stacks
        elif mine:
            assert set(mine) == {None}


def test_early_boot_is_not_user_space(pvh, kallsyms):
    dom0 = summarise(pvh, kallsyms).domains[0]
    uses = {use.kind: use.buffers for use in dom0.regions}
    assert uses[RegionKind.IDENTITY] == 4
    assert uses[RegionKind.USER] == parse("pvh")["domains"][0]["regions"]["user"][0] - 4


def test_sizes_of_buffers(both):
    recording, _, by_domain, theirs = both
    buffers = find_buffers(recording)
    for domid, block in theirs["domains"].items():
        index = by_domain[domid].domain.index if by_domain[domid].domain else -1
        sizes = Counter(
            size if size <= 64 else 1 << (size - 1).bit_length()
            for size in buffers.size[buffers.domain == index].tolist()
        )
        assert all(sizes[size] == count for size, count in block["sizes"].items())
        assert sum(sizes.values()) == sum(v[0] for v in block["regions"].values())


def test_page_tables(both):
    _, _, by_domain, theirs = both
    for domid, block in theirs["domains"].items():
        if block["cr3"]:
            assert by_domain[domid].tables == block["cr3"]


def test_accesses_outside(both):
    recording, _, _, theirs = both
    accesses = recording.accesses
    rows = np.flatnonzero(~accesses.inside)
    ours = Counter(
        (DIRECTIONS[how], str(size) if size <= 64 else ">64")
        for how, size in zip(
            accesses.direction[rows].tolist(), accesses.size[rows].tolist(), strict=True
        )
    )
    expected: Counter = Counter()
    for how, size, count in theirs["outside_kinds"]:
        expected[how, size] += count
    assert ours == expected


def test_the_other_names_are_in_the_catalogue():
    known = set(numbers().values())
    for name in ("pv", "pvh"):
        for block in parse(name)["domains"].values():
            for call in block["calls"]:
                assert SPELLING.get(call, call) in known | {"unhandled"}
    assert family("memory_op").number == 12

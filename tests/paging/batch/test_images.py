"""The walk, the batch walk and the runs, held to what QEMU's monitor said of real guests."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import zstandard

from xenexplore.memory.image import open_image
from xenexplore.paging import Manner, walk
from xenexplore.paging.batch.page_runs import Join, find_page_runs
from xenexplore.paging.batch.table_arrays import read_tables
from xenexplore.paging.batch.translate import NOWHERE, translate_batch
from xenexplore.paging.image_state import rights_aside, state_from_registers

DATA = Path(__file__).parents[2] / "data" / "images"
IMAGES = {"plain-96-kaslr": 73_939, "plain-96-nokaslr": 73_939, "plain-96-la57": 73_940}
# How `info tlb` prints an entry: a letter per bit, in this order.
TLB_BITS = (("X", 63), ("G", 8), ("P", 7), ("D", 6), ("A", 5), ("C", 4), ("T", 3), ("U", 2))
TLB_BITS += (("W", 1),)


@pytest.fixture(scope="module", params=IMAGES)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def image(name):
    return open_image(DATA / name / "ptpages.bin.zst")


@pytest.fixture(scope="module")
def state(image):
    return rights_aside(state_from_registers(image.vcpu(0)))


@pytest.fixture(scope="module")
def tables(image, state):
    return read_tables(image, state)


@pytest.fixture(scope="module")
def info_tlb(name):
    """``(linear, physical, letters)`` of every leaf that the emulator found."""
    text = zstandard.decompress((DATA / name / "info_tlb.txt.zst").read_bytes()).decode()
    rows = [line.replace(":", "").split() for line in text.splitlines() if line.strip()]
    leaves = [(int(linear, 16), int(gpa, 16), letters) for linear, gpa, letters in rows]
    assert len(leaves) == IMAGES[name]
    return leaves


def letters(entry: int) -> str:
    return "".join(letter if entry >> bit & 1 else "-" for letter, bit in TLB_BITS)


def test_every_leaf_and_no_other(tables, info_tlb):
    found = find_page_runs(tables, Join.NEVER).table
    assert tables.missing == ()
    ours = list(zip(found["start"].tolist(), found["gpa"].tolist(), strict=True))
    assert sorted(ours) == sorted((linear, gpa) for linear, gpa, _ in info_tlb)
    assert len(set(ours)) == len(ours)


def test_every_leaf_walked_alone(image, state, info_tlb):
    differences = []
    for linear, gpa, said in info_tlb:
        one = walk(image, state, linear, manner=Manner.CPU)
        # Bit 7 of a level-1 entry is PAT; the monitor calls it P all the same.
        if one.gpa_value != gpa or letters(one.entries[-1]) != said:
            differences.append((hex(linear), one))
    assert differences == []


def test_every_leaf_in_one_batch(tables, info_tlb):
    linear = np.array([leaf[0] for leaf in info_tlb], np.uint64)
    gpa = np.array([leaf[1] for leaf in info_tlb], np.uint64)
    batch = translate_batch(tables, linear)
    assert batch.ok.all()
    assert np.array_equal(batch.gpa, gpa)
    starts = dict(zip(linear.tolist(), batch.page_size.tolist(), strict=True))
    found = find_page_runs(tables, Join.NEVER).table
    assert starts == dict(zip(found["start"].tolist(), found["page_size"].tolist(), strict=True))


def test_all_502_addresses(name, image, state, tables):
    answers = json.loads((DATA / name / "gva2gpa.json").read_text())
    assert len(answers) == 502
    linear = [int(text, 16) for text, _ in answers]
    expected = [None if text is None else int(text, 16) for _, text in answers]
    assert None in expected
    alone = [walk(image, state, va, manner=Manner.CPU).gpa_value for va in linear]
    assert alone == expected
    batch = translate_batch(tables, np.array(linear, np.uint64))
    assert [None if gpa == NOWHERE else gpa for gpa in batch.gpa.tolist()] == expected


@pytest.mark.parametrize("which", ["plain-96-kaslr", "plain-96-nokaslr"])
def test_runs_are_the_ranges_of_info_mem(which):
    """`info mem` joins pages with equal U and W over all levels, whatever their size or NX.

    For 5-level paging QEMU 7.2's prints nothing.
    """
    image = open_image(DATA / which / "ptpages.bin.zst")
    tables = read_tables(image, state_from_registers(image.vcpu(0)))
    path = DATA / which / "info_mem.txt.zst"
    text = zstandard.decompress(path.read_bytes()).decode()
    expected = []
    for line in text.splitlines():
        span, size, rights = line.split()
        start, end = (int(part, 16) for part in span.split("-"))
        assert end - start == int(size, 16)
        expected.append([start, end, rights])
    joined: list[list[object]] = []
    for run in find_page_runs(tables):
        rights = ("u" if run.user else "-") + "r" + ("w" if run.writable else "-")
        if joined and joined[-1][1:] == [run.start, rights]:
            joined[-1][1] = run.end
        else:
            joined.append([run.start, run.end, rights])
    assert joined == expected


def test_smap_denies_user_pages_of_the_guest_that_has_it(name, image, info_tlb):
    """The guest with LA57 runs with SMAP, and its idle kernel with EFLAGS.AC clear."""
    state = state_from_registers(image.vcpu(0))
    linear = np.array([leaf[0] for leaf in info_tlb], np.uint64)
    user = np.array(["U" in leaf[2] for leaf in info_tlb])
    batch = translate_batch(read_tables(image, state), linear)
    if "la57" in name:
        assert user.any()
        assert np.array_equal(batch.ok, ~user)
        assert set(batch.error_code[user].tolist()) == {1}
    else:
        assert batch.ok.all()

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import zstandard
from elf_cores import Cpu, core
from golden_files import check_golden

from xenexplore.cli.main import main
from xenexplore.paging import Mode, make_entry

DATA = Path(__file__).parents[1] / "data" / "images"
KASLR = str(DATA / "plain-96-kaslr" / "ptpages.bin.zst")
LA57 = str(DATA / "plain-96-la57" / "ptpages.bin.zst")


def run(capsys, *words: str) -> tuple[int, str, str]:
    status = main([str(word) for word in words])
    out, err = capsys.readouterr()
    return status, out, err


def answer(capsys, *words: str) -> str:
    status, out, err = run(capsys, *words)
    assert (status, err) == (0, "")
    return out


def partial(capsys, *words: str) -> str:
    """What there is on standard output, nothing on standard error, exit status 1."""
    status, out, err = run(capsys, *words)
    assert (status, err) == (1, "")
    return out


def fails(capsys, *words: str) -> str:
    """One line on standard error, nothing on standard output, exit status 2."""
    status, out, err = run(capsys, *words)
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert err.startswith("xenexplore: ")
    return err


def small_guest(**changes: int) -> bytes:
    """Five pages: 4-level tables for one 4 KiB page at 0, one fault of each kind beside it."""
    words = np.zeros((6, 512), "<u8")
    for level in range(3):
        words[level, 0] = make_entry(Mode.LEVEL4, 4 - level, (level + 1) << 12, user=True)
    words[3, 0] = make_entry(Mode.LEVEL4, 1, 0x5000, user=True)
    words[3, 1] = make_entry(Mode.LEVEL4, 1, 0x5000, writable=False, nx=True, pkey=5)
    words[1, 1] = make_entry(Mode.LEVEL4, 3, 0x40000000, large=True) | 1 << 20
    for name, value in changes.items():
        table, index = name.removeprefix("e").split("_")
        words[int(table), int(index)] = value
    return words.tobytes()


@pytest.fixture
def guest(tmp_path):
    """Writes an ELF core of the small guest; returns its path."""

    def write(memory: bytes | None = None, cpus=None, **others) -> str:
        path = tmp_path / "guest.elf"
        content = [(0, small_guest() if memory is None else memory)]
        path.write_bytes(core(content, cpus or [Cpu(cr3=0)], **others))
        return str(path)

    return write


# Text, byte for byte.


def test_golden_walk(capsys):
    addresses = ("ffff8e8dc5ef16a4", "5990df", "0xffffffff82345678", "ffffff26_dadac000")
    check_golden("walk-kaslr.txt", answer(capsys, "walk", KASLR, *addresses))


def test_golden_walk_with_rights_and_five_levels(capsys):
    words = ("walk", LA57, "5990df", "ff110000056000ff", "--write")
    check_golden("walk-la57-write.txt", answer(capsys, *words))


def test_golden_walk_of_many_flags_and_faults(capsys, guest):
    entry = make_entry(
        Mode.LEVEL4, 1, 0x5000, user=True, writable=True, nx=True, pkey=15, accessed=True,
        dirty=True, global_=True, pwt=True, pcd=True, pat=True,
    )  # fmt: skip
    path = guest(small_guest(e3_0=entry), cpus=(Cpu(cr3=0), Cpu(cr3=0x18)))
    words = ("walk", path, "0", "1008", "40000000", "2000", "--user", "--fetch", "--vcpu", "1")
    check_golden("walk-faults.txt", answer(capsys, *words))


@pytest.mark.parametrize("options", [(), ("--physical",)])
def test_golden_map(capsys, options):
    name = "-".join(["map-kaslr", *(option.strip("-") for option in options)])
    check_golden(f"{name}.txt", answer(capsys, "map", KASLR, *options))


def test_golden_map_of_a_small_guest(capsys, guest):
    check_golden("map-small.txt", answer(capsys, "map", guest()))


# JSON.


def test_json_of_walks_against_the_monitor(capsys):
    for name in ("plain-96-kaslr", "plain-96-nokaslr", "plain-96-la57"):
        answers = json.loads((DATA / name / "gva2gpa.json").read_text())
        image = str(DATA / name / "ptpages.bin.zst")
        out = answer(capsys, "walk", "--json", image, *(linear for linear, _ in answers))
        records = [json.loads(line) for line in out.splitlines()]
        assert len(records) == 502
        for record, (linear, gpa) in zip(records, answers, strict=True):
            assert record["linear"] == f"{int(linear, 16):#x}"
            assert record["gpa"] == (None if gpa is None else f"{int(gpa, 16):#x}")
            assert (record["error_code"] is None) == (gpa is not None)
            assert (record["page_size"] is None) == (gpa is None)


def test_json_of_a_walk_has_every_level(capsys, guest):
    (line,) = answer(capsys, "walk", "--json", guest(), "123").splitlines()
    record = json.loads(line)
    levels = record.pop("levels")
    assert record == {
        "schema": "xenexplore.walk/1",
        "linear": "0x123",
        "gpa": "0x5123",
        "page_size": 4096,
        "permissions": "rwxu",
        "error_code": None,
        "reason": None,
        "failed_level": None,
        "assumed": ["EFER: NX on", "MAXPHYADDR 52"],
    }
    assert [level["level"] for level in levels] == [4, 3, 2, 1]
    assert levels[0] == {
        "level": 4,
        "table": "0x0",
        "index": 0,
        "entry_at": "0x0",
        "entry": "0x1007",
        "flags": "P RW US",
    }


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ((), None),
        (("--read",), None),
        (("--write",), 3),
        (("--fetch",), 0x11),
        (("--user",), 5),
        (("--user", "--write"), 7),
        (("--user", "--fetch"), 0x15),
    ],
)
def test_rights_are_checked_when_an_access_is_named(capsys, guest, options, code):
    (line,) = answer(capsys, "walk", "--json", guest(), "1000", *options).splitlines()
    assert json.loads(line)["error_code"] == code


def test_json_of_a_map(capsys):
    out = answer(capsys, "map", "--json", KASLR)
    head, *records = [json.loads(line) for line in out.splitlines()]
    assert (head["schema"], head["mode"]) == ("xenexplore.address-space/1", "4-level paging")
    assert (head["assumed"], head["pkru"], head["complete"]) == (
        ["MAXPHYADDR 52"], None, True,
    )  # fmt: skip
    assert len(records) == 65_662
    assert records[0] == {
        "schema": "xenexplore.page-run/1",
        "start": "0x400000",
        "end": "0x401000",
        "page_size": 4096,
        "permissions": "r--u",
        "protection_key": 0,
    }
    _, *physical = answer(capsys, "map", "--json", "--physical", KASLR).splitlines()
    assert len(physical) == 65_758
    assert json.loads(physical[0])["gpa"] == "0x5ea0000"


def test_every_run_is_printed_on_demand(capsys):
    folded, whole = (answer(capsys, "map", KASLR, *more) for more in ((), ("--all",)))
    assert len(folded.splitlines()) < 150
    assert len(whole.splitlines()) == 65_662 + 7
    assert max(map(len, whole.splitlines())) <= 72


def test_the_end_of_the_address_space_has_17_digits(capsys, guest):
    memory = small_guest(e0_511=0x1003, e1_511=0x2003, e2_511=0x87)
    out = answer(capsys, "map", "--json", guest(memory))
    assert json.loads(out.splitlines()[-1])["end"] == "0x10000000000000000"
    assert "ffffffffffe00000  10000000000000000" in answer(capsys, "map", guest(memory))


def test_an_empty_address_space_is_an_answer(capsys, guest):
    path = guest(bytes(0x1000))
    assert answer(capsys, "map", path).endswith("\n\nNothing is mapped.\n")
    (line,) = answer(capsys, "map", "--json", path).splitlines()
    assert json.loads(line)["assumed"]


# What the image knows and what must be said.


def test_a_vcpu_is_chosen(capsys, guest):
    path = guest(cpus=(Cpu(cr3=0x4000), Cpu(cr3=0)))
    first = json.loads(answer(capsys, "walk", "--json", path, "0"))
    second = json.loads(answer(capsys, "walk", "--json", path, "0", "--vcpu", "1"))
    assert (first["gpa"], second["gpa"]) == (None, "0x5000")
    assert first["failed_level"] == 4
    assert "vCPU 1: 4-level" in answer(capsys, "walk", path, "0", "--vcpu", "1")
    assert "expected a vCPU in 0 to 1, got vCPU 2" in fails(
        capsys, "walk", path, "0", "--vcpu", "2"
    )


def test_other_page_tables_are_chosen(capsys, guest):
    path = guest(cpus=(Cpu(cr3=0x4000),))
    record = json.loads(answer(capsys, "walk", "--json", path, "0", "--cr3", "0x0"))
    assert record["gpa"] == "0x5000"


def test_raw_memory_needs_cr3_and_may_need_la57(capsys, tmp_path):
    path = tmp_path / "memory.zst"
    path.write_bytes(zstandard.compress(small_guest()))
    assert "use --raw" in fails(capsys, "map", path)
    assert "expected CR3, got only memory; set it with --cr3" in fails(capsys, "map", path, "--raw")
    assert "Assumed: 4-level paging" in answer(capsys, "walk", path, "--raw", "--cr3", "0", "123")
    five = small_guest(e4_0=0x0007)
    path.write_bytes(zstandard.compress(five))
    words = ("walk", "--json", path, "--raw", "--cr3", "4000", "--la57", "123")
    record = json.loads(answer(capsys, *words))
    assert (record["gpa"], len(record["levels"])) == ("0x5123", 5)
    assert "got none: this image has only memory" in fails(
        capsys, "map", path, "--raw", "--vcpu", "0", "--cr3", "0"
    )


@pytest.mark.parametrize("option", ["--la57", "--no-la57"])
def test_the_image_knows_its_paging_mode(capsys, option):
    for command in (["walk", KASLR, "0"], ["map", KASLR]):
        err = fails(capsys, *command, option)
        assert f"{option}: expected only values that the image does not state" in err
        assert "4-level paging" in err


@pytest.mark.parametrize(
    ("cpu", "machine", "mode"),
    [
        (Cpu(cr3=0, cr0=0x11, cs_flags=0), 3, "paging off"),
        (Cpu(cr3=0, cr4=0x20, cs_flags=0), 3, "PAE paging"),
        (Cpu(cr3=0, cr4=0x10, cs_flags=0), 3, "32-bit paging"),
    ],
)
def test_guests_of_other_modes(capsys, guest, cpu, machine, mode):
    path = guest(cpus=(cpu,), machine=machine, bits=32)
    assert mode in answer(capsys, "walk", path, "0")
    assert "at most 32 bits" in fails(capsys, "walk", path, "100000000")
    if mode == "paging off":
        assert "paging is off" in fails(capsys, "map", path)
        record = json.loads(answer(capsys, "walk", "--json", path, "1234"))
        assert (record["gpa"], record["levels"]) == ("0x1234", [])


# Bad input.


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("0000800000000000", "a canonical one (bits 63:48 equal to bit 47)"),
        ("ff11000000000000", "a canonical one (bits 63:48 equal to bit 47)"),
        ("10000000000000000", "at most 64 bits"),
        ("kernel", "expected hexadecimal digits"),
        ("", "expected hexadecimal digits"),
        ("-1", "expected hexadecimal digits"),
    ],
)
def test_addresses_that_do_not_exist(capsys, address, words):
    assert words in fails(capsys, "walk", KASLR, address)
    assert words in fails(capsys, "walk", KASLR, "5990df", address, "--strict")
    out = partial(capsys, "walk", KASLR, "5990df", address)
    assert "0000000005e840df" in out
    assert words in " ".join(out.split())
    records = [
        json.loads(line)
        for line in partial(capsys, "walk", "--json", KASLR, address, "5990df").splitlines()
    ]
    assert records[0]["linear"] == address
    assert words in records[0]["error"]["message"]
    assert records[1]["gpa"] == "0x5e840df"


def test_57_bit_addresses_are_not_canonical_past_57_bits(capsys):
    assert "bits 63:57 equal to bit 56" in fails(capsys, "walk", LA57, "0100000000000000")
    assert "page fault" in answer(capsys, "walk", LA57, "0000800000000000")


@pytest.mark.parametrize("command", ["walk", "map"])
def test_images_that_cannot_be_read(capsys, tmp_path, command):
    def error(name: str, content: bytes | None) -> str:
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        return fails(capsys, command, path, *(["0"] if command == "walk" else []))

    good = core([(0, small_guest())], [Cpu(cr3=0)])
    packed = zstandard.compress(good)
    assert "No such file" in error("nowhere", None)
    assert "got an empty file" in error("empty", b"")
    assert "truncated" in error("headless", good[:60])
    assert "truncated" in error("short.zst", packed[: len(packed) // 2])
    assert "expected an ELF core, page-table pages" in error("text", b"#!/bin/sh\n" * 9)
    assert "machine AArch64" in error("arm", core([(0, b"x")], machine=183))
    assert "expected CR3, got only memory" in error("notes", core([(0, b"x")], notes=b""))
    assert "Is a directory" in fails(
        capsys, command, tmp_path, *(["0"] if command == "walk" else [])
    )


def test_page_tables_that_point_outside_ram(capsys, guest):
    path = guest(small_guest(e1_0=0x0000_000F_FFFF_F007))
    for words in (["walk", path, "0"], ["map", path]):
        err = fails(capsys, *words, "--strict")
        assert "level-3 entry at gpa 0x1000: expected a page table inside the image's" in err
        assert "got gpa 0xffffff000; wrong --cr3, damaged page tables" in err
        said = " ".join(partial(capsys, *words).split())
        assert "level-3 entry at gpa 0x1000: expected a page table inside the image's" in said
        err = fails(capsys, *words, "--cr3", "7000")
        assert "CR3: expected a page table inside the image's memory, got gpa 0x7000" in err


def test_page_tables_that_point_at_themselves(capsys, guest):
    words = np.full(512, 0x3, "<u8")
    path = guest(words.tobytes())
    record = json.loads(answer(capsys, "walk", "--json", path, "ffff812345678abc"))
    assert record["gpa"] == "0xabc"
    assert "2 runs, 256 TiB mapped" in answer(capsys, "map", path)
    assert "more than 16777216 runs" in fails(capsys, "map", path, "--physical")
    words[::2] |= 4
    assert "the page tables map themselves" in fails(capsys, "map", guest(words.tobytes()))


def test_neither_command_pays_for_numba(guest):
    """Importing it takes longer than the answer."""
    code = (
        "import sys; from xenexplore.cli.main import main; status = main(sys.argv[1:]);"
        "late = {'numba', 'matplotlib', 'networkx', 'numpy' if sys.argv[1] == 'walk' else ''};"
        "assert not status; assert not late & set(sys.modules), late & set(sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for words in (["walk", guest(), "0"], ["map", guest()]):
        subprocess.run([sys.executable, "-c", code, *words], check=True, env=environment,
                       stdout=subprocess.DEVNULL)  # fmt: skip

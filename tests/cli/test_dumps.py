"""walk and map on dumps that do not say everything: what is told, assumed, partial."""

from __future__ import annotations

import json
import struct

import dumps
import pytest
from dumps import LINEAR, PAGE, tables
from elf_cores import Cpu, core

from xenexplore.cli.main import main
from xenexplore.errors import ImageError
from xenexplore.memory.image import Kind, open_image

ADDRESS = f"{LINEAR:x}"
REGISTERS = "CPU#0\nCR0=80050033 CR2=0 CR3=0000000000001000 CR4=000006f0\nEFER=d01\n"


def run(capsys, *words: object) -> tuple[int, str]:
    status = main([str(word) for word in words])
    out, err = capsys.readouterr()
    assert err == ""
    return status, out


def written(tmp_path, data: bytes, name: str = "dump"):
    path = tmp_path / name
    path.write_bytes(data)
    return path


def changed(page: int, index: int, entry: int) -> bytes:
    """The usual memory with one entry of its own."""
    memory = bytearray(tables())
    struct.pack_into("<Q", memory, page * PAGE + 8 * index, entry)
    return bytes(memory)


def test_a_pv_domain_s_frames_are_machine_frames_in_every_word(capsys, tmp_path):
    frames = [(n, 0x100 - n) for n in range(16)]
    data = dumps.dump_core(
        pv=True, frames=frames, memory=tables(lambda n: 0x100 - n), control={3: 0xFF000}
    )
    path = written(tmp_path, data)
    status, out = run(capsys, "walk", path, ADDRESS)
    assert status == 0
    assert "  maddr  00000000000f7010, 4 KiB page, rwx-\n  mfn    f7, pfn 9\n" in out
    assert "gpa" not in out
    _, out = run(capsys, "walk", path, ADDRESS, "--json")
    record = json.loads(out)
    assert (record["maddr"], record["mfn"], record["pfn"]) == ("0xf7010", "0xf7", "0x9")
    assert "gpa" not in record
    assert "gpa" not in run(capsys, "map", path, "--physical")[1]


def test_registers_that_lie_beside_raw_memory_are_found(capsys, tmp_path):
    path = written(tmp_path, tables())
    (tmp_path / "info_registers.txt").write_text(REGISTERS)
    status, out = run(capsys, "walk", path, "--raw", ADDRESS)
    assert (status, "vCPU 0: 4-level" in out) == (0, True)
    assert "gpa    0000000000009010" in out
    other = tmp_path / "elsewhere.txt"
    (tmp_path / "info_registers.txt").rename(other)
    assert (
        "0000000000009010" in run(capsys, "walk", path, "--raw", ADDRESS, "--registers", other)[1]
    )


def test_raw_memory_of_a_32_bit_guest(capsys, tmp_path):
    memory = bytearray(2 * PAGE)
    struct.pack_into("<I", memory, PAGE + 4 * (0xC0123456 >> 22), 0x83)
    path = written(tmp_path, bytes(memory))
    words = ("walk", path, "--raw", "--mode", "32", "--cr3", "1000", "c0123456")
    status, out = run(capsys, *words)
    assert (status, "gpa    0000000000123456, 4 MiB page" in out) == (0, True)


@pytest.mark.parametrize("bit", [47, 51])
def test_the_encryption_bit_is_concluded_from_cr3_or_told(capsys, tmp_path, bit):
    data = core([(0, tables(lambda n: n | 1 << bit - 12))], [Cpu(cr3=0x1000 | 1 << bit)])
    path = written(tmp_path, data)
    for more in ((), ("--c-bit", bit)):
        status, out = run(capsys, "walk", path, ADDRESS, *more)
        assert (status, "gpa    0000000000009010" in out) == (0, True)
        assumed = f"C-bit {bit} (" in " ".join(out.split()).partition("Assumed")[2]
        assert assumed == (not more)


def test_a_verdict_that_pkru_decides_says_so(capsys, tmp_path):
    memory = bytearray(tables())
    for page, index, target in ((1, 0, 4), (4, 0, 5), (5, 0, 6)):
        struct.pack_into("<Q", memory, page * PAGE + 8 * index, target << 12 | 7)
    struct.pack_into("<Q", memory, 6 * PAGE, 5 << 59 | 9 << 12 | 7)
    path = written(tmp_path, core([(0, bytes(memory))], [Cpu(cr4=0x4006F0)]))
    words = ("walk", path, "0", "--user", "--read")
    out = run(capsys, *words)[1]
    assert "PKRU unknown" in out
    assert "depend on PKRU (Linux's default denies)" in " ".join(out.split())
    record = json.loads(run(capsys, *words, "--json")[1])
    assert record["depends_on"] == {"pkru": {"key": 5, "linux_default_denies": True}}
    denied = json.loads(run(capsys, *words, "--json", "--pkru", "55555554")[1])
    assert (denied["error_code"], "depends_on" in denied) == (0x25, False)
    granted = json.loads(run(capsys, *words, "--json", "--pkru", "0")[1])
    assert (granted["gpa"], "depends_on" in granted) == ("0x9000", False)
    said = " ".join(run(capsys, "map", path)[1].split())
    assert "protection key 5: whether PKRU denies data accesses is unknown" in said
    head, first, *_ = map(json.loads, run(capsys, "map", path, "--json")[1].splitlines())
    assert "PKRU unknown" in head["assumed"]
    assert first["depends_on"] == record["depends_on"]
    told = " ".join(run(capsys, "map", path, "--pkru", "55555554")[1].split())
    assert "protection key 5: PKRU 55555554 denies" in told
    head, first, *_ = map(
        json.loads, run(capsys, "map", path, "--json", "--pkru", "0")[1].splitlines()
    )
    assert (head["pkru"], "depends_on" in first) == ("0x0", False)


XENCTX = """\
vcpu0:
rip: ffffffff81000000 startup_64
flags: 00000246 i z p
rsp: ffffffff82e03e98
rax: 0000000000000000\trcx: 0000000000000000\trdx: 0000000000000000
 cs: {cs}\t ss: 0018\t ds: 0000\t es: 0000
 fs: 0000 @ 0000000000000000
 gs: 0000 @ ffff888007c00000/0000000000000000

cr0: 0000000080050033
cr2: 0000000000000000
cr3: 0000000000001000 idle_pg_table
cr4: 00000000000006f0

vcpu1 offline

"""


def test_xenctx_gives_registers(capsys, tmp_path):
    path = written(tmp_path, tables())
    beside = tmp_path / "xenctx.txt"
    beside.write_text(XENCTX.format(cs="0010"))
    words = ("walk", path, "--raw", "--registers", beside, ADDRESS)
    status, out = run(capsys, *words)
    assert (status, "gpa    0000000000009010" in out) == (0, True)
    assert "EFER: NX on" in out
    assert "2 vCPUs" in out
    first, second = open_image(path, Kind.RAW, registers=beside).vcpus
    assert second.cr0 == 0
    assert (first.rip, first.rsp, first.gs_base) == (
        0xFFFFFFFF81000000, 0xFFFFFFFF82E03E98, 0xFFFF888007C00000,
    )  # fmt: skip
    narrow = "cs:eip: 0010:c1000000\nss:esp: 0018:c1001000\ncr0: 80050033\ncr3: 00001000\n"
    beside.write_text(narrow + "cr4: 000006b0\n")
    (only,) = open_image(path, Kind.RAW, registers=beside).vcpus
    assert (only.rip, only.rsp, only.efer) == (0xC1000000, 0xC1001000, 1 << 11)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rip: ffffffff81000000\ncr3: 0000000000001000\n", "xenctx prints them with -a"),
        ("vcpu1:\nrip: 0000000000000000\n", "numbered from 0"),
    ],
)
def test_xenctx_without_what_is_needed_is_refused(tmp_path, text, message):
    (tmp_path / "registers").write_text(text)
    path = written(tmp_path, tables())
    with pytest.raises(ImageError, match=message):
        open_image(path, Kind.RAW, registers=tmp_path / "registers")


def test_tags_of_lam_are_not_part_of_the_address(capsys, tmp_path):
    low = 0x0000_0000_0000_0010
    memory = bytearray(tables())
    for page, index, target in ((1, 0, 4), (4, 0, 5), (5, 0, 6)):
        struct.pack_into("<Q", memory, page * PAGE + 8 * index, target << 12 | 7)
    struct.pack_into("<Q", memory, 6 * PAGE, 9 << 12 | 7)
    tagged = f"{low | 0x55 << 48:x}"
    for flag, good in ((1 << 62, True), (0, False)):
        path = written(tmp_path, core([(0, bytes(memory))], [Cpu(cr3=0x1000 | flag)]))
        if good:
            assert "gpa    0000000000009010" in run(capsys, "walk", path, tagged)[1]
        else:
            assert main(["walk", str(path), tagged]) == 2
            assert "canonical" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("os", "entry", "words", "kept"),
    [
        ("linux", 15 << 59 | ((~0x24680 << 14) & (1 << 64) - 1) >> 5, "swap, type 15, offset",
         {"os": "linux", "kind": "swap", "number": 15, "offset": 0x24680}),
        ("windows", 0x98E0, "Windows: transition, frame 0x9",
         {"os": "windows", "kind": "transition", "frame": 9, "protection": 7}),
    ],
)  # fmt: skip
def test_what_a_kernel_keeps_where_nothing_is_present(capsys, tmp_path, os, entry, words, kept):
    path = written(tmp_path, core([(0, changed(6, 1, entry))]))
    plain = run(capsys, "walk", path, ADDRESS)[1]
    assert f"{entry:016x}  -\n" in plain
    assert words in run(capsys, "walk", path, ADDRESS, "--os", os)[1]
    record = json.loads(run(capsys, "walk", path, ADDRESS, "--os", os, "--json")[1])
    assert record["levels"][-1]["kept"] == kept
    assert record["levels"][-1]["flags"] == "-"


def test_a_missing_table_hides_what_is_behind_it_and_no_more(capsys, tmp_path):
    memory = changed(4, 1, 0x777000 | 0x63)
    path = written(tmp_path, core([(0, memory)]))
    status, out = run(capsys, "map", path)
    said = " ".join(out.split())
    assert status == 1
    assert "ffffc90000001000 ffffc90000002000" in said
    assert "1 table not in the image, hiding 1 GiB" in said
    assert "from ffffc90040000000: " in said
    head, *records = map(json.loads, run(capsys, "map", path, "--json")[1].splitlines())
    assert not head["complete"]
    assert records[0]["start"] == "0xffffc90000001000"
    assert (records[1]["first"], records[1]["size"]) == ("0xffffc90040000000", 1 << 30)
    status, out = run(capsys, "walk", path, "ffffc90040000000", ADDRESS, "--json")
    first, second = (json.loads(line) for line in out.splitlines())
    assert status == 1
    assert "got gpa 0x777000" in first["error"]["message"]
    assert len(first["levels"]) == 2
    assert second["gpa"] == "0x9010"

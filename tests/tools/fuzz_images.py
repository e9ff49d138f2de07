"""Fuzz the image readers, walk, map and images as guests.

``python tests/tools/fuzz_images.py SECONDS [SEED]``, or ``INPUTSx [SEED]`` for a number of
inputs.  An input may take 10 seconds of CPU, and the process 6 GiB of address space.

Every input is a small valid image, damaged: bytes changed, words replaced by
extreme ones, pieces cut, doubled or swapped; plain, compressed, or damaged
after compression.  Allowed are an answer (exit status 0, or 1 where it is incomplete) and one clear
error (exit status 2); anything else stops the run with the input kept.
"""

from __future__ import annotations

import contextlib
import functools
import io
import random
import resource
import struct
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import cramjam
import dumps
import zstandard

from xenexplore.cli import main as command
from xenexplore.cli.main import main

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from elf_cores import Cpu, core

EXTREMES = (0, 1, 7, 0xFF, 0xFFF, 0x1000, 0xFFFF, 1 << 31, (1 << 32) - 1, 1 << 52, 1 << 63,
            (1 << 64) - 1, (1 << 64) - 0x1000)  # fmt: skip


XENCTX = b"""vcpu0:
rip: ffffffff81000000 text
flags: 00000246 i z p
rsp: ffffffff82e03e98
 cs: 0010\t ss: 0018
 gs: 0000 @ ffff888007c00000/0000000000000000

cr0: 0000000080050033
cr3: 0000000000001000
cr4: 00000000000006f0

vcpu1 offline
"""
SCENARIO = """name = "x"
title = "x"
[guest]
image = "{}"
[[buffer]]
name = "op"
place = "fixed"
address = "{:#x}"
size = 4
[[action]]
do = "call"
hypercall = "event_channel_op send"
with = {{ arg = "@op" }}
"""
MOST_SECONDS = 10
MOST_MEMORY = 6 << 30


def seeds() -> list[tuple[str, bytes]]:
    """Valid images of each kind: a name and content."""
    tables = bytearray(0x5000)
    for level in range(4):
        for index in (0, 1, 255, 511):
            entry = (level + 1 - (index == 1) * level) << 12 | 7
            struct.pack_into("<Q", tables, level * 0x1000 + index * 8, entry)
    registers = b"CPU#0\nCR0=80050033 CR2=0 CR3=0000000000000000 CR4=000006f0\nEFER=d01\n"
    memory = bytes(tables)
    records = b"".join(
        struct.pack("<Q", at) + memory[at : at + 0x1000] for at in range(0, 0x5000, 0x1000)
    )
    found = [
        ("core", core([(0, memory)], [Cpu(cr3=0), Cpu(cr3=0x1000)], bits=bits, machine=machine))
        for bits in (32, 64)
        for machine in (3, 62)
    ]
    return [*found, *_dumps(), ("ptpages.bin", records), ("info_registers.txt", registers)]


def _dumps() -> list[tuple[str, bytes]]:
    """One small dump of every other format."""
    memory = dumps.tables()
    pages = {n: memory[n * 0x1000 : (n + 1) * 0x1000] for n in range(16)}
    packed = dumps.kdump(
        pages, info=b"SYMBOL(swapper_pg_dir)=ffffffff80001000\nNUMBER(phys_base)=0"
    )
    pieces = [(at, len(packed[at : at + 999])) for at in range(0, len(packed), 999)]
    found = [
        dumps.dump_core(), dumps.dump_core(pv=True), dumps.virtualbox(), dumps.lime([(0, memory)]),
        dumps.avml([(0, memory)], lambda page: bytes(cramjam.snappy.compress_raw(page))), packed,
        dumps.vmcore({"SYMBOL(swapper_pg_dir)": "ffffffff80001000", "NUMBER(phys_base)": "0"}),
        dumps.flattened(packed, pieces), dumps.windows(), dumps.windows(kind=5),
        dumps.windows(wide=False, machine=0x14C), dumps.vmware([(0, 0, 16)], inside=memory),
    ]  # fmt: skip
    return [("dump", data) for data in found]


def damage(rng: random.Random, data: bytes) -> bytes:
    """One to three changes, most of them near the start, where headers are."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 3)):
        reach = len(out) if rng.random() < 0.3 else min(len(out), 1400)
        at = rng.randrange(max(reach, 1))
        kind = rng.randrange(6)
        if kind == 0 and out:
            out[at % len(out)] = rng.randrange(256)
        elif kind == 1:
            size = rng.choice((1, 2, 4, 8))
            value = rng.choice(EXTREMES) & (1 << 8 * size) - 1
            at -= at % size
            out[at : at + size] = value.to_bytes(size, "little")
        elif kind == 2:
            del out[at:]
        elif kind == 3:
            del out[at : at + rng.randrange(1, 64)]
        elif kind == 4:
            out[at:at] = out[at : at + rng.randrange(1, 64)]
        else:
            other = rng.randrange(max(reach, 1))
            out[at : at + 8], out[other : other + 8] = out[other : other + 8], out[at : at + 8]
    return bytes(out)


def try_one(folder: Path, rng: random.Random, all_seeds: list[tuple[str, bytes]]) -> str:
    """Write one damaged image and run a command on it; returns how it ended."""
    name, data = rng.choice(all_seeds)
    target = folder / name
    if name == "info_registers.txt":
        pages = dict(all_seeds)["ptpages.bin"]
        target.write_bytes(damage(rng, data))
        target, data = folder / "ptpages.bin", pages
    elif rng.random() < 0.95:
        data = damage(rng, data)
    (folder / "info_registers.txt").touch()
    if name != "info_registers.txt":
        (folder / "info_registers.txt").write_bytes(dict(all_seeds)["info_registers.txt"])
    if rng.random() < 0.3:
        data = zstandard.compress(data)
        if rng.random() < 0.5:
            data = damage(rng, data)
    target.write_bytes(data)
    words = rng.choice((["walk", "{}", "0", "ffff800000000123", "7ffffffff000"], ["map", "{}"]))
    words = [str(target) if word == "{}" else word for word in words]
    words += rng.choice(
        (
            [],
            ["--cr3", "1000", "--mode", rng.choice(("32", "pae", "4", "5"))],
            ["--strict"],
            ["--json"],
            ["--cr3", "1000"],
            ["--vcpu", "1"],
            ["--raw", "--cr3", "0"],
        )
    )
    chance = rng.random()
    if chance < 0.1:
        (folder / "xenctx.txt").write_bytes(damage(rng, XENCTX) if chance < 0.09 else XENCTX)
        words += ["--registers", str(folder / "xenctx.txt")]
    elif chance < 0.2:
        address = rng.choice((dumps.LINEAR, 0, 0xFFFF_8000_0000_0000, dumps.LINEAR + 0x1000))
        (folder / "x.toml").write_text(SCENARIO.format(target, address))
        words = ["run", str(folder / "x.toml")]
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(words)
    if status in (0, 1):
        assert out.getvalue() or words[0] == "map"  # nothing mapped: no JSON records
        assert not err.getvalue()
        return f"{words[0]}: {'incomplete' if status else 'answered'}"
    assert status == 2, status
    assert not out.getvalue(), out.getvalue()
    assert err.getvalue().count("\n") == 1, err.getvalue()
    return f"{words[0]}: refused"


def run(seconds: float, inputs: float, seed: int) -> Counter[str]:
    """Fuzz for a while or for a number of inputs; returns how many ended in which way."""
    command.build_parser = functools.cache(command.build_parser)  # most of an input's time
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    rng = random.Random(seed)
    ends: Counter[str] = Counter()
    all_seeds = seeds()
    stop = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as name:
        while time.monotonic() < stop and ends.total() < inputs:
            start = time.process_time()
            try:
                ends[try_one(Path(name), rng, all_seeds)] += 1
                took = time.process_time() - start
                assert took < MOST_SECONDS, f"{took:.1f} s"
            except BaseException:
                print(f"input {ends.total()} of seed {seed}", file=sys.stderr)
                raise
    return ends


if __name__ == "__main__":
    most = sys.argv[1]
    counted = most.endswith("x")
    found = run(
        float("inf") if counted else float(most),
        float(most[:-1]) if counted else float("inf"),
        int(sys.argv[2]) if len(sys.argv) > 2 else 1,
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(f"{found.total():,} inputs: " + ", ".join(f"{k} {n:,}" for k, n in sorted(found.items())))
    print(f"peak memory: {peak} MiB")

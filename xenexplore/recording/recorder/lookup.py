"""Instruction count of a lookup of a registered buffer: our code, since no patch has been posted.

``lookup_code/lookup.c`` is compiled as Xen's release builds are and run on the emulator
that the recordings are made with; it logs each instruction that it executes.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from xenexplore.errors import RecorderError
from xenexplore.recording.recorder.compiler import FREESTANDING, read_source, run_tool
from xenexplore.recording.recorder.setup import RecorderSetup

__all__ = ["LookupCost", "count_lookup", "lookup_source_hash"]

_SLOTS = 64
_SPAN = 0x100


@dataclass(frozen=True, slots=True)
class LookupCost:
    """Instructions of a lookup that compares ``n`` entries and hits the last of them.

    ``read + compare * n`` for an access that reads guest memory, ``write + compare * n`` for
    one that writes it, ``miss + compare * n`` where none of ``n`` entries fits.

    Attributes:
        compare: for each entry compared.
        read, write, miss: besides.
        compiler: what compiled it, in its own words.
        source: ``sha256:`` and the hash of the C file.
    """

    compare: int
    read: int
    write: int
    miss: int
    compiler: str
    source: str


def lookup_source_hash() -> str:
    """``sha256:`` and the hash of the C file that is measured."""
    return f"sha256:{hashlib.sha256(_code('lookup.c')).hexdigest()}"


def count_lookup(setup: RecorderSetup) -> LookupCost:
    """Compile the lookup, run it on the emulator, and count.

    Args:
        setup: a prepared folder.

    Raises:
        RecorderError: no compiler; the folder is not prepared; the counts are not linear.
    """
    with tempfile.TemporaryDirectory(prefix="xenexplore-lookup-") as name:
        work = Path(name)
        compiler = _build(work)
        at = _address(work)
        runs = _runs(_log(setup, work, at))
    return _fitted(runs, compiler)


def _code(name: str) -> bytes:
    return read_source("lookup_code", name)


def _build(work: Path) -> str:
    """``lookup.bin`` and ``lookup.elf``; the compiler's name and version."""
    for name in ("lookup.c", "boot.S"):
        (work / name).write_bytes(_code(name))
    run_tool("gcc", *FREESTANDING, "-c", "lookup.c", cwd=work)
    run_tool("gcc", "-c", "boot.S", cwd=work)
    run_tool(
        "ld", "-n", "-z", "noexecstack", "-Ttext=0x100000", "-e", "_start", "-o", "lookup.elf",
        "boot.o", "lookup.o", cwd=work,
    )  # fmt: skip
    run_tool("objcopy", "-O", "binary", "lookup.elf", "lookup.bin", cwd=work)
    return run_tool("gcc", "--version", cwd=work).splitlines()[0]


def _address(work: Path) -> int:
    symbols = run_tool("nm", "lookup.elf", cwd=work)
    found = re.search(r"^([0-9a-f]+) T lookup$", symbols, re.MULTILINE)
    if found is None:
        raise RecorderError("lookup.elf", "", expected="a function lookup", got="none")
    return int(found[1], 16)


def _log(setup: RecorderSetup, work: Path, at: int) -> list[int]:
    """Addresses of the instructions that the lookup executed, in order."""
    done = subprocess.run(
        [
            *setup.command(), "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            "-accel", "tcg,one-insn-per-tb=on", "-cpu", "max", "-m", "64",
            "-device", "isa-debug-exit,iobase=0xf4,iosize=1", "-kernel", str(work / "lookup.bin"),
            "-d", "exec,nochain", "-dfilter", f"{at:#x}+{_SPAN:#x}", "-D", str(work / "log"),
        ],
        env=setup.environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True,
        check=False, timeout=300,
    )  # fmt: skip
    log = work / "log"
    text = log.read_text("utf-8", "replace") if log.exists() else ""
    found = [int(one, 16) - at for one in re.findall(r"^Trace \d+: \S+ \[[^/]*/([0-9a-f]+)/",
                                                     text, re.MULTILINE)]  # fmt: skip
    if not found:
        got = repr((done.stderr or "nothing")[:200])
        raise RecorderError("the emulator", "-d exec", expected="instructions", got=got)
    return found


def _runs(executed: list[int]) -> list[int]:
    """Instructions of each call.  An interrupted block is logged twice, executed once."""
    runs: list[int] = []
    before = -1
    for at in executed:
        if at == 0 and before != 0:
            runs.append(0)
        if at != before:
            runs[-1] += 1
        before = at
    return runs


def _fitted(runs: list[int], compiler: str) -> LookupCost:
    """The line through the counts, which has to go through all of them."""
    calls = _SLOTS + 1
    compare = runs[1] - runs[0] if len(runs) == 2 * calls else 0
    read, write = runs[0] - compare, runs[calls if compare else 0] - compare
    miss = runs[_SLOTS if compare else 0] - compare * _SLOTS
    line = [
        *(read + compare * n for n in range(1, calls)), miss + compare * _SLOTS,
        *(write + compare * n for n in range(1, calls)), miss + compare * _SLOTS,
    ]  # fmt: skip
    if line != runs:
        raise RecorderError(
            "the lookup", "", expected=f"{2 * calls} calls, with a constant number of "
            "instructions per additional entry", got=f"{len(runs)} calls: {runs[:4]}...",
        )  # fmt: skip
    return LookupCost(compare, read, write, miss, compiler, lookup_source_hash())

"""A small guest that repeats one hypercall, VCPUOP_get_runstate_info, as dom0's kernel.

The thread's one number, about 30% less overhead by physical addresses, is of such a loop in an
XTF test (cover.1744981654.git.teddy.astie@vates.tech).  Here the loop runs on an unmodified
Xen, and what Xen executes for each call is recorded.
"""

from __future__ import annotations

import re
from pathlib import Path

from xenexplore.recording.recorder.compiler import FREESTANDING, read_source, run_tool

__all__ = ["LOOP_CALLS", "build_loop"]

_FILES = ("entry.S", "loop.c", "loop.ld")


def _code(name: str) -> bytes:
    return read_source("loop_code", name)


LOOP_CALLS = int(re.search(rb"CALLS = (\d+)", _code("loop.c"))[1])  # type: ignore[index]
"""Number of calls for each of its two structures."""


def build_loop(work: Path) -> Path:
    """Compile the guest in a folder; an ELF file that Xen boots as a PVH dom0.

    Raises:
        RecorderError: no compiler, or it failed.
    """
    for name in _FILES:
        (work / name).write_bytes(_code(name))
    run_tool("gcc", *FREESTANDING, "-Wall", "-c", "loop.c", cwd=work)
    run_tool("gcc", "-c", "entry.S", cwd=work)
    run_tool(
        "ld", "-n", "-z", "noexecstack", "-z", "max-page-size=4096", "-T", "loop.ld",
        "-o", "loop.elf", "entry.o", "loop.o", cwd=work,
    )  # fmt: skip
    return work / "loop.elf"

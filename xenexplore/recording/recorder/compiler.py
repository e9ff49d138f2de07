"""This machine's C compiler, for code that runs bare on the emulator."""

from __future__ import annotations

import shutil
import subprocess
from importlib import resources
from pathlib import Path

from xenexplore.errors import RecorderError

__all__ = ["FREESTANDING", "read_source", "run_tool"]

# What xen/Makefile and xen/arch/x86/arch.mk of 4.17 ask of the compiler in a release build, as
# far as it decides this code.
FREESTANDING = (
    "-O2", "-std=gnu99", "-ffreestanding", "-fno-strict-aliasing", "-fno-common", "-fno-pie",
    "-fno-stack-protector", "-fno-asynchronous-unwind-tables", "-fomit-frame-pointer",
    "-mno-red-zone", "-mno-mmx", "-mno-sse", "-fcf-protection=none",
)  # fmt: skip
"""Options of the compiler."""

_LIMIT = 120


def read_source(*path: str) -> bytes:
    """A source file of the package's recorder, by folders and name."""
    return resources.files("xenexplore.recording.recorder").joinpath(*path).read_bytes()


def run_tool(*words: str, cwd: Path) -> str:
    """Run a compiler, linker or similar tool; returns its output.

    Raises:
        RecorderError: it is not installed, or it failed.
    """
    if shutil.which(words[0]) is None:
        raise RecorderError(
            words[0], "", expected="a program", got="none", hint="install gcc and binutils"
        )
    done = subprocess.run(
        words, cwd=cwd, capture_output=True, text=True, check=False, timeout=_LIMIT
    )
    if done.returncode:
        got = repr(done.stderr[:200])
        raise RecorderError(words[0], "", expected="a program that succeeds", got=got)
    return done.stdout

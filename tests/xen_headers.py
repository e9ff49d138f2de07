"""Ask gcc what Xen's public headers say: the oracle of the catalogue's numbers and layouts."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import pytest
from generate_structs import ARCH_FLAGS, translation_unit

INCLUDE = Path("/usr/include")
HELP = "Debian: apt-get install libxen-dev gcc; these tests hold the catalogue to the real headers"


def require_headers() -> None:
    """Fail, with what to install: a machine without the headers must not pass."""
    if not (INCLUDE / "xen" / "xen.h").exists():
        pytest.fail(f"no Xen headers in {INCLUDE}/xen ({HELP})")
    if shutil.which("gcc") is None:
        pytest.fail(f"no gcc ({HELP})")


def run_c(body: str, arch: str) -> list[str]:
    """Compile ``body`` as a main() after every header, run it, return its lines.

    Arm64's layouts come from the same compiler with Arm64's part of the
    headers selected: both are LP64, and nothing of libc is used but printf.
    """
    require_headers()
    source = (
        translation_unit(arch)
        + "int printf(const char *, ...);\nvoid *memset(void *, int, unsigned long);\n"
        + "int main(void)\n{\n"
        + body
        + "return 0;\n}\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "probe.c"
        path.write_text(source)
        program = Path(folder) / "probe"
        made = subprocess.run(
            ["gcc", "-w", "-O0", "-ffreestanding", f"-I{INCLUDE}", *ARCH_FLAGS[arch],
             str(path), "-o", str(program)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert made.returncode == 0, made.stderr[:3000]
        done = subprocess.run([str(program)], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


@cache
def macros(arch: str) -> dict[str, str]:
    """Every macro that the headers define, with its text."""
    require_headers()
    done = subprocess.run(
        ["gcc", "-dM", "-E", "-ffreestanding", f"-I{INCLUDE}", *ARCH_FLAGS[arch], "-"],
        input=translation_unit(arch), capture_output=True, text=True, check=True,
    )  # fmt: skip
    found: dict[str, str] = {}
    for line in done.stdout.splitlines():
        name, _, text = line.removeprefix("#define ").partition(" ")
        found[name] = text
    return found


def handle_fields(arch: str) -> list[str]:
    """The header of each struct field that is a guest handle, after preprocessing."""
    require_headers()
    done = subprocess.run(
        ["gcc", "-E", "-ffreestanding", f"-I{INCLUDE}", *ARCH_FLAGS[arch], "-"],
        input=translation_unit(arch), capture_output=True, text=True, check=True,
    )  # fmt: skip
    header, found = "", []
    for line in done.stdout.splitlines():
        if line.startswith("# "):
            header = line.split('"')[1].rpartition("/xen/")[2]
        elif re.match(r"^\s*__guest_handle_\w+\s+\w+(\[\w+\])?;", line):
            found.append(header)
    return found

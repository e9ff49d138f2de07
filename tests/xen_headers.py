"""Ask gcc what Xen's public headers say: the oracle of the catalogue's numbers and layouts."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import pytest
from generate_structs import ARCH_FLAGS, translation_unit

#: Where ``xen/xen.h`` lies; another version's headers can be named instead.
INCLUDE = Path(os.environ.get("XENEXPLORE_XEN_INCLUDE", "/usr/include"))
HELP = "Debian: apt-get install libxen-dev gcc; these tests hold the catalogue to the real headers"

# What tells one version's public headers from another's: nothing in them names Xen's version.
INTERFACES = (
    "__XEN_LATEST_INTERFACE_VERSION__",
    "XEN_DOMCTL_INTERFACE_VERSION",
    "XEN_SYSCTL_INTERFACE_VERSION",
)
#: Their values, from xen-compat.h, domctl.h and sysctl.h of each release's tag.
RELEASES = {
    (0x40E00, 0x12, 0x13): "4.14",
    (0x40E00, 0x13, 0x13): "4.15",
    (0x40E00, 0x14, 0x14): "4.16",
    (0x40E00, 0x15, 0x15): "4.17",
    (0x40E00, 0x16, 0x15): "4.18",
    (0x41300, 0x17, 0x15): "4.19 or 4.20",
    (0x41300, 0x17, 0x16): "4.21",
}
#: The version that the catalogue describes.
CATALOGUED = "4.17"


def require_headers() -> None:
    """Fail, with what to install: a machine without the headers must not pass."""
    if not (INCLUDE / "xen" / "xen.h").exists():
        pytest.fail(f"no Xen headers in {INCLUDE}/xen ({HELP})")
    if shutil.which("gcc") is None:
        pytest.fail(f"no gcc ({HELP})")


def found_release() -> str:
    """The Xen version whose public headers are installed, as those headers tell it."""
    defined = macros("x86_64")
    values = tuple(int(defined[name], 0) for name in INTERFACES)
    unknown = ", ".join(f"{n} {v:#x}" for n, v in zip(INTERFACES, values, strict=True))
    return RELEASES.get(values, f"a version that these tests do not know ({unknown})")


def why_not(found: str, *, or_later: bool = False) -> str:
    """Why a test cannot judge the headers of ``found``; "" if it can.

    ``or_later``: the test asks for what later versions keep, such as numbers.
    """
    known = list(RELEASES.values())
    if found == CATALOGUED:
        return ""
    if or_later and (found not in known or known.index(found) > known.index(CATALOGUED)):
        return ""
    return (
        f"needs the public headers of Xen {CATALOGUED}{' or later' * or_later}, which the "
        f"catalogue describes; {INCLUDE}/xen has those of {found}"
    )


def need_catalogued_release(*, or_later: bool = False) -> None:
    """Skip where the headers are another version's: their interface differs, and should.

    This is the only reason for which a test of this suite may be skipped.
    """
    why = why_not(found_release(), or_later=or_later)
    if why:
        pytest.skip(why)


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

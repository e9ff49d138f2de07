"""Xen's public headers of Debian 12 (Xen 4.17) and 13 (4.20): the oracle, through gcc.

The package libxen-dev of the release is used where it is installed; otherwise apt-get
downloads it into a folder of its own (``$XDG_CACHE_HOME/xenexplore-tests``).  Another
installation can be named: ``XENEXPLORE_XEN_INCLUDE``.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest
from generate_structs import ARCH_FLAGS, translation_unit
from interfaces import macro_numbers, macro_texts, read_numbers, run_gcc

from xenexplore.errors import RecorderError
from xenexplore.hypercalls.releases import RELEASES
from xenexplore.recording.recorder.apt import Archive

#: Where ``xen/xen.h`` may lie.
INSTALLED = Path(os.environ.get("XENEXPLORE_XEN_INCLUDE", "/usr/include"))
#: Xen to the release of Debian that has it as a package.
DEBIAN = {"4.17": "bookworm", "4.20": "trixie"}


def release_in(include: Path) -> str:
    """Which Xen's public headers lie in a folder: nothing in them names it, their numbers do."""
    if not (include / "xen" / "xen.h").exists():
        return "no Xen"
    found = macro_numbers(str(include), "x86_64")
    for release in RELEASES:
        listed = {
            name: value
            for name, value, where, span in read_numbers()
            if where in ("both", "x86_64") and span.holds(release)
        }
        if listed == found:
            return release
    return "a Xen that these tests do not know"


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process at a time: the suite runs in two, and either may be the first to need it."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@cache
def _found(release: str) -> Path | str:
    """The folder with a release's headers, or why there is none."""
    if shutil.which("gcc") is None:
        pytest.fail("no gcc (apt-get install gcc): these tests compile Xen's headers")
    installed = release_in(INSTALLED)
    if installed == release:
        return INSTALLED
    cached = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "xenexplore-tests"
    folder = cached / DEBIAN[release]
    include = folder / "root" / "usr" / "include"
    with _alone(folder):
        if not (include / "xen" / "xen.h").exists():
            try:
                packages = Archive(folder, DEBIAN[release]).download(["libxen-dev"])
            except RecorderError as error:
                return (
                    f"needs the public headers of Xen {release}: {INSTALLED} has those of "
                    f"{installed}, and {error}"
                )
            (package,) = (path for path in packages if path.name.startswith("libxen-dev_"))
            subprocess.run(["dpkg-deb", "-x", package, folder / "root"], check=True)
    assert release_in(include) == release, f"{include} has those of {release_in(include)}"
    return include


def include_of(release: str) -> Path:
    """The folder with the public headers of a Xen.

    The test is skipped where they are not installed and Debian's package cannot be had:
    the only reason for which a test of this suite may be skipped.
    """
    found = _found(release)
    if isinstance(found, str):
        pytest.skip(found)
    return found


def run_c(body: str, arch: str, release: str) -> list[str]:
    """Compile ``body`` as a main() after every header, run it, return its lines.

    Arm64's layouts come from the same compiler with Arm64's part of the
    headers selected: both are LP64, and nothing of libc is used but printf.
    """
    lines, errors = run_gcc(str(include_of(release)), arch, body)
    assert not errors, errors[:3000]
    return lines


@cache
def macros(arch: str, release: str) -> dict[str, str]:
    """Every macro that the headers define, with its text."""
    return macro_texts(str(include_of(release)), arch)


def handle_fields(arch: str, release: str) -> list[str]:
    """The header of each struct field that is a guest handle, after preprocessing."""
    done = subprocess.run(
        ["gcc", "-E", "-ffreestanding", f"-I{include_of(release)}", *ARCH_FLAGS[arch], "-"],
        input=translation_unit(arch), capture_output=True, text=True, check=True,
    )  # fmt: skip
    header, found = "", []
    for line in done.stdout.splitlines():
        if line.startswith("# "):
            header = os.path.normpath(line.split('"')[1]).rpartition("/xen/")[2]
        elif re.match(r"^\s*__guest_handle_\w+\s+\w+(\[\w+\])?;", line):
            found.append(header)
    return found

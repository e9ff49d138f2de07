"""Parts of a boot: Xen, its symbols, a kernel and its modules; the setup's, or the user's own."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from xenexplore.errors import RecorderError
from xenexplore.recording.recorder.apt import Archive
from xenexplore.recording.recorder.options import XEN_VERSIONS, Options
from xenexplore.recording.recorder.setup import RecorderSetup, unpack

__all__ = ["Parts", "find_parts"]

_MODULES = ("lib/modules", "usr/lib/modules")


@dataclass(frozen=True, slots=True)
class Parts:
    """The files of a run.

    Attributes:
        hypervisor: Xen, compressed or not.
        symbols: its symbol file.
        kernel: the guests' kernel.
        modules_root: the unpacked package that has its modules.
    """

    hypervisor: Path
    symbols: Path
    kernel: Path
    modules_root: Path

    def module(self, name: str) -> Path | None:
        """A kernel module's file, or None where the kernel has it built in."""
        for top in _MODULES:
            for path in sorted((self.modules_root / top).glob(f"*/kernel/**/{name}.ko*")):
                return path
        return None


def find_parts(setup: RecorderSetup, options: Options, say: Callable[[str], None]) -> Parts:
    """The files of a run; packages are unpacked, and Debian's kernels fetched, once.

    Raises:
        RecorderError: a package lacks what it is given for, or Debian has no such kernel.
    """
    folder = setup.folder / "packages"
    hypervisor = setup.hypervisor
    if options.xen_file:
        hypervisor = _of(options.xen_file, folder, "boot/xen-*amd64*.gz", "xen-hypervisor-*")
    symbols = setup.symbols
    if options.xen_symbols:
        symbols = _of(options.xen_symbols, folder, "usr/lib/debug/**/xen-syms*.map",
                      "xen-hypervisor-*-dbg")  # fmt: skip
    given = options.kernel
    if options.kernel_version:
        given = _fetched(setup, options.kernel_version, say)
    if given is None:
        return Parts(hypervisor, symbols, setup.kernel, setup.guest)
    kernel = _of(given, folder, "boot/vmlinuz-*", "linux-image-*")
    own = kernel is not given
    return Parts(hypervisor, symbols, kernel, kernel.parents[1] if own else setup.guest)


def _of(given: Path, folder: Path, pattern: str, package: str) -> Path:
    """The file itself, or the one of a Debian package that fits the pattern."""
    if given.suffix != ".deb":
        return given
    into = folder / _stamp(given)
    if not into.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        unpack((given,), into)
    found = sorted(into.glob(pattern))
    if not found:
        raise RecorderError(
            str(given), "", expected=f"a package with {pattern}", got="none in it",
            hint=f"is it Debian's {package}?",
        )  # fmt: skip
    return found[-1]


def _stamp(package: Path) -> str:
    with package.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:16]


def _fetched(setup: RecorderSetup, version: str, say: Callable[[str], None]) -> Path:
    """Debian's own kernel of a version: the newest ``linux-image-VERSION...-amd64``."""
    kept = sorted((setup.folder / "kernels").glob(f"linux-image-{version}[.+-]*.deb"))
    if kept:
        return kept[-1]
    say(f"kernel {version}: asking Debian")
    for release in XEN_VERSIONS.values():
        archive = Archive(setup.folder / f"apt-kernel-{release}", release, backports=True)
        names = archive.names(f"linux-image-{version}")
        wanted = [name for name in names if _is_kernel(name, version)]
        if wanted:
            return archive.fetch(max(wanted, key=_order), setup.folder / "kernels")
    raise RecorderError(
        "record", "--kernel", expected="a kernel of Debian 12, 13 or their backports",
        got=repr(version), hint="or give a package (.deb) or a bzImage",
    )  # fmt: skip


def _is_kernel(name: str, version: str) -> bool:
    rest = name.removeprefix(f"linux-image-{version}")
    return rest[:1] in ("-", ".", "+") and bool(
        re.fullmatch(r"[.+\w-]*-amd64", rest) and not re.search("cloud|rt-|unsigned|dbg", rest)
    )


def _order(name: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"[0-9]+", name.removesuffix("-amd64")))

"""Setup of the recorder in one folder: the emulator, Xen, a kernel, the plugin.

Nothing is installed on the machine and nothing needs root.  Each part has a stamp
that names what it was made from; a part whose stamp fits is left as it is.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from xenexplore.errors import RecorderError
from xenexplore.recording.recorder.apt import Archive
from xenexplore.recording.recorder.compiler import read_source
from xenexplore.recording.recorder.hooks import read_hooks
from xenexplore.recording.recorder.options import XEN_VERSIONS

__all__ = ["RecorderSetup", "default_folder", "unpack"]

Say = Callable[[str], None]

_EMULATOR_RELEASE = "trixie"
_PLUGIN_FLAGS = ("-O2", "-fvisibility=hidden", "-shared", "-fPIC")
_COMPILED = ("plugin.c", "slow_clock.c")
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class _Part:
    """One part: its folder's name, MiB to download and on disk, minutes on two idle cores."""

    name: str
    what: str
    download: int
    disk: int
    minutes: int


def default_folder() -> Path:
    """``$XDG_CACHE_HOME/xenexplore/record``."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "xenexplore" / "record"


@dataclass(frozen=True, slots=True)
class RecorderSetup:
    """The prepared folder.

    Attributes:
        folder: where everything is.
        xen: ``"4.17"`` or ``"4.20"``: which Xen, with its tools and a kernel.
    """

    folder: Path
    xen: str = "4.17"

    def __post_init__(self) -> None:
        if self.xen not in XEN_VERSIONS:
            known = " or ".join(XEN_VERSIONS)
            raise RecorderError("record", "--xen", expected=known, got=self.xen)

    @property
    def emulator(self) -> Path:
        """Debian files with QEMU."""
        return self.folder / "emulator"

    @property
    def guest(self) -> Path:
        """Debian files with Xen, its tools and a kernel."""
        return self.folder / f"guest-{self.xen}"

    @property
    def plugin(self) -> Path:
        """The compiled plugin."""
        return self.folder / "plugin.so"

    @property
    def slow_clock(self) -> Path:
        """Library that slows the emulator's clock, compiled."""
        return self.folder / "slow_clock.so"

    @property
    def hypervisor(self) -> Path:
        """Xen's own file."""
        return self.guest / "boot" / f"xen-{self.xen}-amd64.gz"

    @property
    def kernel(self) -> Path:
        """The guests' kernel."""
        return self._one("boot/vmlinuz-*")

    @property
    def symbols(self) -> Path:
        """Xen's symbol file."""
        return self._one("usr/lib/debug/**/xen-syms-*.map")

    def _one(self, pattern: str) -> Path:
        found = sorted(self.guest.glob(pattern))
        if not found:
            raise RecorderError(
                str(self.guest / pattern), "", expected="a file", got="none",
                hint="run the setup first: xenexplore record --setup",
            )  # fmt: skip
        return found[-1]

    def command(self, slow: int = 1) -> list[str]:
        """Command for the emulator: its own loader and libraries, so that no chroot is needed.

        Args:
            slow: how many times slower its clock runs than this machine's.

        Raises:
            RecorderError: it is not there or does not run.
        """
        lib = self.emulator / "usr" / "lib"
        if not self.ready():
            raise RecorderError(
                str(self.folder), "", expected="a folder that was set up for this version",
                got="parts missing or out of date",
                hint=f"run: xenexplore record --setup --xen {self.xen} --folder {self.folder}",
            )  # fmt: skip
        return [
            str(lib / "x86_64-linux-gnu" / "ld-linux-x86-64.so.2"),
            *(["--preload", str(self.slow_clock)] if slow != 1 else []),
            "--library-path", str(lib / "x86_64-linux-gnu"),
            str(self.emulator / "usr" / "bin" / "qemu-system-x86_64"),
            "-L", str(self.emulator / "usr" / "share" / "qemu"),
            "-L", str(self.emulator / "usr" / "share" / "seabios"),
        ]  # fmt: skip

    def environment(self, slow: int = 1) -> dict[str, str]:
        """Environment with the emulator's modules and the pace of its clock."""
        modules = self.emulator / "usr" / "lib" / "x86_64-linux-gnu" / "qemu"
        return {**os.environ, "QEMU_MODULE_DIR": str(modules), "RECORD_SLOW": str(slow)}

    def version(self) -> str:
        """The emulator's version as it reports it, e.g. ``"QEMU 11.1.3"``."""
        done = subprocess.run(
            [*self.command(), "--version"], env=self.environment(), capture_output=True, text=True,
            check=False, timeout=120,
        )  # fmt: skip
        words = done.stdout.split()
        if done.returncode or len(words) < 4:
            raise RecorderError(
                self.command()[3], "--version", expected="QEMU's version",
                got=repr((done.stderr or done.stdout)[:100]),
            )  # fmt: skip
        number = words[3]
        if tuple(map(int, number.split(".")[:2])) < (11, 1):
            raise RecorderError(
                self.command()[3], "", expected="QEMU 11.1 or newer", got=number,
                hint="older ones lack plugin API 7, or cannot boot a PVH dom0 with a plugin",
            )  # fmt: skip
        return f"QEMU {number}"

    # ---- preparing ----

    def ready(self) -> bool:
        """Whether every part exists and is up to date."""
        return all(self._stamp(part).exists() for part in self._parts())

    def plan(self) -> list[str]:
        """Work that :meth:`run` will do, line by line, with sizes and times."""
        lines = []
        for part in self._parts():
            state = f"download {part.download} MiB, {part.disk} MiB on disk"
            state += f", about {part.minutes} min" if part.minutes else ""
            if self._stamp(part).exists():
                state = "there"
            lines.append(f"{part.what}: {state}")
        return lines

    def run(self, say: Say) -> None:
        """Prepare what is missing.

        Raises:
            RecorderError: no compiler, no room, no registry, or a package is not
                what it should be; what was prepared before stays.
        """
        todo = [part for part in self._parts() if not self._stamp(part).exists()]
        self.folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.folder).free
        want = sum(part.disk + part.download for part in todo) * _MIB
        if free < want:
            raise RecorderError(
                str(self.folder), "", expected=f"{want // _MIB} MiB free", got=f"{free // _MIB} MiB"
            )
        for part in todo:
            say(f"{part.what} ...")
            {"emulator": self._emulator, "plugin": self._plugin}.get(part.name, self._guest)()
            self._stamp(part).write_text("", encoding="utf-8")
        hooked = len(read_hooks(self.symbols).at)
        say(f"{self.version()}, {hooked} functions of Xen {self.xen} are hooked")

    def _parts(self) -> Iterator[_Part]:
        yield _Part("emulator", "QEMU from Debian 13's backports", 55, 180, 2)
        yield _Part(self.guest.name, f"Xen {self.xen}, its tools and a kernel", 140, 750, 4)
        yield _Part("plugin", "the plugin, compiled", 0, 1, 0)

    def _stamp(self, part: _Part) -> Path:
        sources = b"".join(map(read_source, _COMPILED)) if part.name == "plugin" else b""
        made_of = sources or repr(part).encode()
        return self.folder / f"{part.name}.{hashlib.sha256(made_of).hexdigest()[:12]}.done"

    def _emulator(self) -> None:
        archive = Archive(self.folder / "apt-emulator", _EMULATOR_RELEASE, backports=True)
        unpack(archive.download(["qemu-system-x86"]), self.emulator)

    def _guest(self) -> None:
        release = XEN_VERSIONS[self.xen]
        archive = Archive(self.folder / f"apt-{release}", release)
        archive.download(["busybox-static"])  # reads the lists, too
        image = archive.depends("linux-image-amd64")
        hypervisor = f"xen-hypervisor-{self.xen}-amd64"
        packages = [hypervisor, f"{hypervisor}-dbg", f"xen-utils-{self.xen}", "xenstore-utils",
                    "busybox-static", image]  # fmt: skip
        unpack(archive.download(packages), self.guest)

    def _plugin(self) -> None:
        compiler = shutil.which("gcc") or shutil.which("cc")
        if compiler is None:
            raise RecorderError(
                "gcc", "", expected="a C compiler", got="none", hint="install gcc and libc6-dev"
            )
        for name in _COMPILED:
            source = self.folder / name
            source.write_bytes(read_source(name))
            library = source.with_suffix(".so")
            done = subprocess.run(
                [compiler, *_PLUGIN_FLAGS, str(source), "-o", str(library), "-lpthread"],
                capture_output=True, text=True, check=False, timeout=300,
            )  # fmt: skip
            if done.returncode:
                raise RecorderError(
                    str(source), "", expected="a file that compiles", got=repr(done.stderr[:200]),
                    hint="is libc6-dev installed?",
                )  # fmt: skip


def unpack(packages: tuple[Path, ...], into: Path) -> None:
    """Unpack packages over each other into a new folder."""
    partial = into.with_name(into.name + ".part")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for package in packages:
        done = subprocess.run(
            ["dpkg-deb", "-x", str(package), str(partial)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RecorderError(
                str(package), "", expected="a Debian package", got=repr(done.stderr[:100]),
                hint="remove it and run the setup again",
            )  # fmt: skip
    shutil.rmtree(into, ignore_errors=True)
    partial.rename(into)

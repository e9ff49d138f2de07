"""Debian packages in a folder: resolved and downloaded with apt-get, unpacked, not installed.

apt-get works on a state of its own, in which nothing is installed, so that it fetches
every dependency of the release that is asked for, and checks Debian's signatures.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from xenexplore.errors import RecorderError

__all__ = ["Archive"]

_KEYS = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_MIRROR = "http://deb.debian.org"
_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Archive:
    """One Debian release, seen through a folder.

    Attributes:
        folder: apt's state and the downloaded packages.
        release: e.g. ``"bookworm"``.
        backports: whether newer packages of the next release are wanted.
    """

    folder: Path
    release: str
    backports: bool = False

    def download(self, packages: Sequence[str]) -> tuple[Path, ...]:
        """Fetch packages with their dependencies; files that exist are not fetched again.

        Raises:
            RecorderError: apt-get or the keys are missing, the registry cannot be
                reached, or it lacks a package.
        """
        self._prepare()
        self._run("apt-get", "update")
        target = ("-t", f"{self.release}-backports") if self.backports else ()
        self._run("apt-get", "install", "-y", "--download-only", *target, *packages)
        return tuple(sorted(self.folder.glob("archives/*.deb")))

    def depends(self, package: str) -> str:
        """The first package that another one depends on, as linux-image-amd64 on its image."""
        said = self._run("apt-cache", "depends", package)
        for line in said.splitlines():
            kind, _, name = line.strip().partition("Depends: ")
            if not kind and name:
                return name
        raise RecorderError(package, "", expected="a dependency", got="none")

    def names(self, beginning: str) -> tuple[str, ...]:
        """Packages whose names begin with a prefix."""
        self._prepare()
        self._run("apt-get", "update")
        return tuple(self._run("apt-cache", "pkgnames", beginning).split())

    def fetch(self, package: str, into: Path) -> Path:
        """Fetch one package without its dependencies; checked with Debian's keys."""
        into.mkdir(parents=True, exist_ok=True)
        self._run("apt-get", "download", package, cwd=into)
        return max(into.glob(f"{package}_*.deb"))

    def version(self, package: str) -> str:
        """The version that would be fetched."""
        for line in self._run("apt-cache", "policy", package).splitlines():
            kind, _, version = line.strip().partition("Candidate: ")
            if not kind and version:
                return version
        raise RecorderError(package, "", expected="a package of Debian", got="none")

    def _prepare(self) -> None:
        for tool in ("apt-get", "apt-cache", "dpkg-deb"):
            if shutil.which(tool) is None:
                raise RecorderError(
                    tool, "", expected="Debian's package tools", got="none",
                    hint="set up on Debian or Ubuntu, or in a container of either",
                )  # fmt: skip
        if not _KEYS.exists():
            raise RecorderError(
                str(_KEYS), "", expected="Debian's keys", got="none",
                hint="install the package debian-archive-keyring",
            )  # fmt: skip
        for name in ("lists/partial", "archives/partial", "state"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.folder / "state" / "status").touch()
        suites = [self.release, f"{self.release}-updates"]
        suites += [f"{self.release}-backports"] if self.backports else []
        text = _entry(f"{_MIRROR}/debian", suites)
        text += _entry(f"{_MIRROR}/debian-security", [f"{self.release}-security"])
        (self.folder / "list.sources").write_text(text, encoding="utf-8")

    def _run(self, *command: str, cwd: Path | None = None) -> str:
        here = self.folder.resolve()
        settings = {
            "Dir::State": here / "state", "Dir::State::lists": here / "lists",
            "Dir::State::status": here / "state" / "status", "Dir::Cache": here,
            "Dir::Etc::sourcelist": here / "list.sources", "Dir::Etc::sourceparts": "/dev/null",
            "Dir::Etc::preferences": "/dev/null", "Dir::Etc::preferencesparts": "/dev/null",
            "APT::Architecture": "amd64", "APT::Install-Recommends": "false",
            "APT::Sandbox::User": "root", "Acquire::Languages": "none",
            "Acquire::Retries": "2",
        }  # fmt: skip
        words = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
        done = subprocess.run(
            [command[0], *words, *command[1:]],
            capture_output=True, text=True, check=False, timeout=_HOUR, stdin=subprocess.DEVNULL,
            cwd=cwd,
        )  # fmt: skip
        # apt-get update succeeds with warnings where nothing could be fetched.
        failed = done.returncode or (command[1] == "update" and "Failed to fetch" in done.stderr)
        if failed:
            said = [line for line in done.stderr.splitlines() if line[:2] in ("E:", "W:")]
            raise RecorderError(
                " ".join(command[:2]), self.release, expected="packages of Debian",
                got=repr((said or ["status " + str(done.returncode)])[-1][:120]),
                hint=f"is {_MIRROR} reachable, and is there room in {here}?",
            )  # fmt: skip
        return done.stdout


def _entry(address: str, suites: Sequence[str]) -> str:
    return (
        f"Types: deb\nURIs: {address}\nSuites: {' '.join(suites)}\nComponents: main\n"
        f"Architectures: amd64\nSigned-By: {_KEYS}\n\n"
    )

"""How this machine reaches its package registries, handed to a machine in a folder.

Nothing is named here: the mirror, proxies, certificates and pip's settings
are those that apt and pip use on this machine.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

APT = Path("/etc/apt")
BUNDLE = "etc/ssl/certs/ca-certificates.crt"
PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
# Settings of apt that say how a mirror is reached, and whether its age is minded.
REACH = re.compile(r"Acquire::(http|https|ftp|Retries|Check-|Max-ValidTime|ForceIP)", re.IGNORECASE)
CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n?", re.DOTALL)


def mirror() -> str:
    """The address of the Debian archive that apt uses here."""
    files = [APT / "sources.list", *sorted((APT / "sources.list.d").glob("*"))]
    texts = [file.read_text(encoding="utf-8") for file in files if file.is_file()]
    for uri in re.findall(r"^(?:URIs:|deb(?: \[.*\])?)\s+(\S+)", "\n".join(texts), re.MULTILINE):
        if uri.rstrip("/").endswith("/debian"):
            return str(uri)
    return "http://deb.debian.org/debian"


def _apt(root: Path) -> None:
    dumped = subprocess.run(
        ["apt-config", "dump", "Acquire"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    lines = [line for line in dumped if REACH.match(line) and not line.endswith('"";')]
    (root / "etc/apt/apt.conf.d/99reach").write_text("\n".join([*lines, ""]), encoding="utf-8")


def _certificates(root: Path) -> None:
    """Add the authorities that are trusted here and not there, as an administrator would."""
    if not (Path("/") / BUNDLE).is_file():
        return
    known = set(CERTIFICATE.findall((root / BUNDLE).read_text(encoding="utf-8")))
    here = CERTIFICATE.findall((Path("/") / BUNDLE).read_text(encoding="utf-8"))
    folder = root / "usr/local/share/ca-certificates"
    folder.mkdir(parents=True, exist_ok=True)
    for index, text in enumerate(text for text in here if text not in known):
        (folder / f"reach-{index}.crt").write_text(text, encoding="utf-8")
    subprocess.run(["chroot", root, "update-ca-certificates"], check=True, capture_output=True)


def _pip(root: Path) -> list[str]:
    """pip's settings, by whatever way they are made here; returns the paths that they name."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    )
    settings: dict[str, str] = {}
    for line in listed.stdout.splitlines():
        name, _, value = line.partition("=")
        settings[name.rpartition(".")[2]] = value.strip("'\"").replace("\\n", " ")
    named = [word.removeprefix("file://") for value in settings.values() for word in value.split()]
    text = "".join(f"{name} = {value}\n" for name, value in sorted(settings.items()))
    (root / "etc/pip.conf").write_text("[global]\n" + text, encoding="utf-8")
    return [_whole(path) for path in named if path.startswith("/") and Path(path).exists()]


def _whole(path: str) -> str:
    """The folder that must be there too: an index's pages link to files that lie beside it."""
    return str(Path(path).parent) if Path(path).name == "simple" else path


def hand_over(root: Path) -> list[Path]:
    """Write it into ``root``; returns folders and files to mount there, at the same paths."""
    shutil.copyfile("/etc/resolv.conf", root / "etc/resolv.conf")
    _apt(root)
    _certificates(root)
    return sorted({Path(path) for path in _pip(root) if not (root / path[1:]).exists()})


def environment() -> dict[str, str]:
    """A clean environment, and the proxies of this one."""
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    clean = {"PATH": path, "HOME": "/root", "USER": "root", "LANG": "C.UTF-8", "TERM": "xterm",
             "DEBIAN_FRONTEND": "noninteractive"}  # fmt: skip
    return clean | {name: os.environ[name] for name in PROXIES if name in os.environ}

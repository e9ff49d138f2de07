"""``xenexplore lab``: open JupyterLab on the notebooks, in a copy that is the reader's own."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
from pathlib import Path

from xenexplore.errors import InputError

__all__ = ["add_arguments", "run", "shipped_notebooks", "update_copy"]

_MANIFEST = ".xenexplore.json"
FIRST = "00_start_here.ipynb"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``xenexplore lab``."""
    parser.add_argument(
        "--dir",
        type=Path,
        default=None,
        help="where the reader's copy of the notebooks lies (default: ~/xenexplore-notebooks)",
    )
    parser.add_argument("--port", type=int, default=0, help="default: any free port")
    parser.add_argument(
        "--no-browser", action="store_true", help="only print the address, open nothing"
    )
    parser.add_argument(
        "--copy-only", action="store_true", help="make or update the copy, start nothing"
    )


def shipped_notebooks() -> Path:
    """The folder that holds the notebooks as shipped: in the wheel, or in the checkout.

    Raises:
        InputError: the installation has none.
    """
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "lab_notebooks", package.parent / "notebooks"):
        if (folder / FIRST).is_file():
            return folder
    raise InputError(
        package,
        "notebooks",
        expected=f"{FIRST} beside the package",
        got="no notebooks",
        hint="the installation is incomplete; install xenexplore again",
    )


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def update_copy(source: Path, target: Path) -> tuple[list[str], list[str]]:
    """Bring a reader's copy up to date without touching what the reader changed.

    A file is written if it is missing, or if it still is what an earlier
    version wrote there; anything else is the reader's own.

    Returns:
        Names that were written, and names that were left because they were edited.
    """
    target.mkdir(parents=True, exist_ok=True)
    manifest = target / _MANIFEST
    known: dict[str, str] = {}
    if manifest.is_file():
        try:
            known = json.loads(manifest.read_text(encoding="utf-8"))
        except ValueError:
            known = {}  # a damaged manifest only means that nothing counts as untouched
    written, kept = [], []
    for path in sorted(source.glob("*.ipynb")):
        copy, digest = target / path.name, _digest(path)
        if copy.exists() and _digest(copy) not in (digest, known.get(path.name)):
            kept.append(path.name)
            continue
        if not copy.exists() or _digest(copy) != digest:
            shutil.copyfile(path, copy)
            written.append(path.name)
        known[path.name] = digest
    manifest.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return written, kept


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def run(args: argparse.Namespace) -> int:
    """Make the copy, say where it is, and run JupyterLab until it ends."""
    folder = (args.dir or Path.home() / "xenexplore-notebooks").expanduser().resolve()
    written, kept = update_copy(shipped_notebooks(), folder)
    print(f"notebooks: {folder} ({len(written)} written)")
    for name in kept:
        print(f"  {name}: yours, left as it is")
    if args.copy_only:
        return 0
    port = args.port or _free_port()
    token = secrets.token_hex(16)
    print(f"JupyterLab: http://127.0.0.1:{port}/lab/tree/{FIRST}?token={token}", flush=True)
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={folder}",
        f"--IdentityProvider.token={token}",
        f"--LabApp.default_url=/lab/tree/{FIRST}",
    ]
    if args.no_browser:
        command.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    return subprocess.call(command)

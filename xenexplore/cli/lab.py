"""``xenexplore lab``: open JupyterLab on the reader's own copy of the notebooks."""

from __future__ import annotations

import argparse
import errno
import hashlib
import json
import os
import secrets
import socket
import sys
from importlib import resources
from pathlib import Path

from xenexplore.cli.printing import add_printing, print_record
from xenexplore.errors import InputError
from xenexplore.files.shipped import PACKAGE, shipped

__all__ = ["add_arguments", "run", "shipped_notebooks", "update_copy"]

_MANIFEST = ".xenexplore.json"
# Stands in for a home directory that cannot be used.
_HOME = ".home"
FIRST = "00_start_here.ipynb"


def _port(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 0 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"expected 1 to 65535 (0: any free port), got {text!r}")
    return int(text)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``xenexplore lab``."""
    parser.add_argument(
        "--dir", metavar="DIR", type=Path,
        help="folder of your copy of the notebooks (default: ~/xenexplore-notebooks)",
    )  # fmt: skip
    parser.add_argument(
        "--port",
        metavar="N",
        type=_port,
        default=0,
        help="port of the server (default: a free one)",
    )
    parser.add_argument(
        "--no-browser", action="store_true", help="print the address without opening a browser"
    )
    parser.add_argument(
        "--copy-only", action="store_true", help="make or update the copy; do not start JupyterLab"
    )
    parser.add_argument("--verbose", action="store_true", help="show JupyterLab's log")
    add_printing(parser, "the copy, then the address")


def shipped_notebooks() -> Path:
    """The folder of the notebooks as shipped: in the wheel, or in the checkout.

    Raises:
        InputError: the installation has none.
    """
    if folder := shipped("lab_notebooks", "notebooks", FIRST):
        return folder
    raise InputError(
        PACKAGE,
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
    known = _known(manifest)
    written, kept = [], []
    for path in sorted(source.glob("*.ipynb")):
        copy, digest = target / path.name, _digest(path)
        if copy.exists() and _digest(copy) not in (digest, known.get(path.name)):
            kept.append(path.name)
            continue
        if not copy.exists() or _digest(copy) != digest:
            _write(copy, path.read_bytes())
            written.append(path.name)
        known[path.name] = digest
    text = json.dumps(known, indent=1, sort_keys=True) + "\n"
    if written or not manifest.is_file() or manifest.read_bytes() != text.encode():
        _write(manifest, text.encode())
    return written, kept


def _known(manifest: Path) -> dict[str, object]:
    """The files written, by place; with a damaged manifest, nothing counts as untouched."""
    try:
        known = json.loads(manifest.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _write(path: Path, content: bytes) -> None:
    """The whole file or nothing: half of one would pass for the reader's own."""
    half = path.with_name(f"{path.name}.part")
    try:
        half.write_bytes(content)
        half.replace(path)
    except OSError:
        half.unlink(missing_ok=True)
        raise


def _folder(given: Path | None) -> Path:
    """Directory of the copy.

    Raises:
        InputError: there is no home directory to put it in.
    """
    try:
        return (given or Path("~/xenexplore-notebooks")).expanduser().resolve()
    except RuntimeError:
        raise InputError(
            given or "~", "", expected="a home directory", got="none",
            hint="name a folder for the notebooks: --dir DIR",
        ) from None  # fmt: skip


def _copied(folder: Path, *, default: bool) -> tuple[list[str], list[str]]:
    """:func:`update_copy`, with a hint where it cannot write.

    Raises:
        InputError: the folder cannot be made or written.
    """
    try:
        return update_copy(shipped_notebooks(), folder)
    except OSError as error:
        raise InputError(
            folder, "", expected="a writable folder",
            got=f"{Path(error.filename).name if error.filename else 'an error'}: {error.strerror}",
            hint=f"choose {'a' if default else 'another'} folder with --dir",
        ) from None  # fmt: skip


def _checked_port(port: int) -> int:
    """A port that nothing listens on: this one, or with 0 any.

    Raises:
        InputError: it is taken, or may not be used.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            raise InputError(
                "command line", f"--port {port}", expected="a free port",
                got="one in use by another program" if taken else str(error.strerror),
                hint="choose another, or leave --port out",
            ) from None  # fmt: skip
        free: int = probe.getsockname()[1]
    return free


def _environment(folder: Path, token: str) -> dict[str, str]:
    """The server's environment: news off by default, and a home that can be written.

    Settings of the reader's own come before these defaults, and are not written.
    Where there is no usable home, one inside the folder stands in for it: Jupyter,
    IPython and matplotlib all keep files there.
    """
    environment = dict(os.environ, JUPYTER_TOKEN=token)
    ours = str(Path(__file__).resolve().parent / "lab_config")
    theirs = environment.get("JUPYTER_CONFIG_PATH", "")
    environment["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, (theirs, ours)))
    home = os.path.expanduser("~")
    if not (os.path.isdir(home) and os.access(home, os.W_OK | os.X_OK)):
        (folder / _HOME).mkdir(mode=0o700, exist_ok=True)
        environment["HOME"] = str(folder / _HOME)
    return environment


#: JupyterLab's commands for our views.
_COMMANDS = resources.files("xenexplore") / "widgets" / "labextensions"


def _arguments(folder: Path, port: int, args: argparse.Namespace) -> list[str]:
    """JupyterLab's command line."""
    words = [
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={folder}",
        f"--LabApp.default_url=/lab/tree/{FIRST}",
        # Commands for our views, in a checkout too; an installed package has them in share/jupyter.
        f"--LabApp.extra_labextensions_path={_COMMANDS}",
    ]
    if not args.verbose:
        words.append("--Application.log_level=WARN")
    # Without a screen the browser would be a text browser in our terminal.
    if args.no_browser or not ({"DISPLAY", "WAYLAND_DISPLAY", "BROWSER"} & set(os.environ)):
        words.append("--no-browser")
    if os.geteuid() == 0:
        words.append("--allow-root")
    return words


def run(args: argparse.Namespace) -> int:
    """Make the copy, run JupyterLab until it ends, and say where it is once it answers."""
    folder = _folder(args.dir)
    port = 0 if args.copy_only else _checked_port(args.port)
    written, kept = _copied(folder, default=args.dir is None)
    if args.json:
        print_record("lab", {"notebooks": str(folder), "written": written, "kept": kept})
    else:
        print(f"notebooks: {folder} ({len(written)} written)")
        for name in kept:
            print(f"  {name}: edited, left as it is")
    sys.stdout.flush()
    return 0 if args.copy_only else _serve(folder, port, args)


def _serve(folder: Path, port: int, args: argparse.Namespace) -> int:
    from xenexplore.cli.server_process import ServerProcess

    token = secrets.token_hex(16)
    own = shipped_notebooks().glob("*.ipynb")
    trusted = [str(folder / path.name) for path in own if _same(path, folder / path.name)]
    command = [
        sys.executable, "-m", "xenexplore.cli.lab_server", str(os.getpid()), *trusted,
        "--", *_arguments(folder, port, args),
    ]  # fmt: skip
    server = ServerProcess(command, _environment(folder, token), quiet=not args.verbose)
    with server:
        if server.wait_until_it_answers(f"http://127.0.0.1:{port}/api"):
            address = f"http://127.0.0.1:{port}/lab/tree/{FIRST}?token={token}"
            if args.json:
                print_record("lab", {"address": address})
            else:
                print(f"JupyterLab answers; Ctrl-C stops it.\n{address}")
            sys.stdout.flush()
            server.wait()
        elif not server.signalled:
            sys.stderr.write(server.last_words())
            raise InputError(
                "JupyterLab", "", expected=f"an answer on port {port}",
                got=f"exit status {server.wait()}",
                hint="see its messages above" if not args.verbose else "see its log above",
            )  # fmt: skip
    return 128 + server.signalled if server.signalled else 0


def _same(shipped: Path, copy: Path) -> bool:
    return copy.is_file() and _digest(copy) == _digest(shipped)

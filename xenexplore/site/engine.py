"""The live half's engine: Pyodide from the npm registry, and this package as an archive.

Pyodide is CPython for WebAssembly.  It is fetched when a site is made, by the npm client as it is
set up, and is the pinned version or refused.  It is never part of this repository.  A snapshot of
its memory with the package imported would start faster still, but is 8.5 MB compressed.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import shutil
import subprocess
import tarfile
import tempfile
import zlib
from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from xenexplore.errors import InputError
from xenexplore.site.library import LIBRARY, smaller

__all__ = [
    "PACKAGE",
    "VERSION",
    "compiled",
    "engine_files",
    "fetch_engine",
    "package_files",
    "packed_files",
]

#: Python 3.14.2.
VERSION: Final = "314.0.7"
#: As the registry states it (``npm view pyodide dist.integrity``).
_SHA512: Final = (
    "0YvXxEhfEdpLfb/XkM2BFAeMROq0iMUX2bzzH9pOttyMcWkwq+HbE5uyuGD82LN7y2q+SNvi/6V5JEsOlD2R1A=="
)
_LIMIT: Final = 64 << 20
_PARTS: Final = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", LIBRARY)
# Its lock names packages that are fetched from elsewhere; none is needed, so that the lock here
# has none.
_LOCK: Final = "pyodide-lock.json"
_NOTICE: Final = f"""\
Pyodide {VERSION}, as published on the npm registry (package "pyodide"), unchanged except for two
files: the list of packages in pyodide-lock.json is empty here, and python_stdlib.zip is without
modules that need sockets, processes or a terminal, debuggers and tables of 8-bit character sets
(list: xenexplore/site/library.py), and modules that Pyodide loads when it starts are bytecode made
from the same sources by the same Python.

Pyodide is licensed under the Mozilla Public License 2.0, https://www.mozilla.org/MPL/2.0/.
Its source code: https://github.com/pyodide/pyodide, tag {VERSION}.

It contains CPython 3.14.2 and its standard library (python_stdlib.zip), licensed under the
Python Software Foundation License Version 2, https://docs.python.org/3.14/license.html, which
also lists the licences of what CPython includes.

README.md and package.json are those of the npm package.
"""
#: The package in a site's ``engine/``: :func:`packed_files` as a zlib stream.
PACKAGE: Final = "xenexplore.trace"
# What a run needs of this package, and no more: no recordings, no widgets, no command line.
_LEFT_OUT: Final = (
    "__pycache__", "analysis", "api", "assets", "batch", "cli", "lab_notebooks", "mail", "plots",
    "recorded", "recording", "session", "stepper", "stepper.css", "teaching", "trial", "widgets",
)  # fmt: skip
_HERE: Final = "xenexplore/site"
_OF_SITE: Final = ("__init__.py", "live.py")
_ENDINGS: Final = (".py", ".toml")
_COMPILER: Final = ("compile.mjs", "unpack.js")


def fetch_engine() -> bytes:
    """Pyodide's tarball, by the npm client.

    Raises:
        InputError: there is no npm client, or it does not get the package.
    """
    npm = shutil.which("npm")
    wanted = f"pyodide@{VERSION}"
    if npm is None:
        raise _unreachable("no npm client", "install npm")
    with tempfile.TemporaryDirectory() as folder:
        words = [npm, "pack", wanted, "--silent", "--ignore-scripts", "--pack-destination", folder]
        try:
            done = subprocess.run(
                words, cwd=folder, capture_output=True, text=True, check=False, timeout=120
            )
        except subprocess.TimeoutExpired:
            raise _unreachable("no answer in 120 seconds", "try again") from None
        found = list(Path(folder).glob("*.tgz"))
        if done.returncode or len(found) != 1:
            last = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
            raise _unreachable(last, "try again")
        return found[0].read_bytes()


def _unreachable(got: str, remedy: str) -> InputError:
    return InputError(
        "npm registry", f"pyodide@{VERSION}", expected="the package that runs scenarios in a "
        "browser", got=got, hint=f"{remedy}, or leave the live half out with --no-live",
    )  # fmt: skip


def _not_compiled(got: str, remedy: str) -> InputError:
    return InputError(
        "Node.js", f"pyodide@{VERSION}", expected="the package as bytecode for a browser", got=got,
        hint=f"{remedy}, or leave the live half out with --no-live",
    )  # fmt: skip


def engine_files(tarball: bytes) -> dict[str, bytes]:
    """The files of a site's ``engine/``, out of Pyodide's tarball.

    Raises:
        InputError: it is not the pinned version's.
    """
    digest = base64.b64encode(hashlib.sha512(tarball).digest()).decode()
    if digest != _SHA512:
        raise InputError(
            "pyodide", "", expected=f"version {VERSION}, SHA-512 {_SHA512}", got=digest,
            hint="the registry returned something else",
        )  # fmt: skip
    files: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(tarball), mode="r:gz") as archive:
        for name in (*_PARTS, _LOCK, "README.md", "package.json"):
            member = archive.extractfile(f"package/{name}")
            assert member is not None, "its hash is present"
            files[name] = member.read(_LIMIT)
    files[_LOCK] = _without_packages(files[_LOCK])
    package, library = compiled(files, package_files())
    files[LIBRARY] = smaller(files[LIBRARY], library)
    files["NOTICE.txt"] = _NOTICE.encode()
    files[PACKAGE] = zlib.compress(packed_files(package), 9)
    return files


def _without_packages(lock: bytes) -> bytes:
    record = json.loads(lock)
    record["packages"] = {}
    return json.dumps(record, sort_keys=True).encode()


def package_files() -> dict[str, bytes]:
    """Files of this package that a run needs: names and bytes, in order."""
    return dict(sorted(_sources(resources.files("xenexplore"), "xenexplore").items()))


def _sources(folder: Traversable, place: str) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for entry in folder.iterdir():
        if entry.name in _LEFT_OUT or (place == _HERE and entry.name not in _OF_SITE):
            continue
        if entry.is_dir():
            found |= _sources(entry, f"{place}/{entry.name}")
        elif entry.name.endswith(_ENDINGS):
            found[f"{place}/{entry.name}"] = entry.read_bytes()
    return found


def packed_files(files: Mapping[str, bytes]) -> bytes:
    """As ``assets/unpack.js`` takes them: a line of names and sizes, then the bytes."""
    sizes = [[name, len(data)] for name, data in files.items()]
    head = json.dumps(sizes, separators=(",", ":")).encode() + b"\n"
    return head + b"".join(files.values())


def compiled(
    engine: Mapping[str, bytes], package: Mapping[str, bytes]
) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Modules that the live half imports, as bytecode: no browser has to compile them.

    Pyodide itself compiles it, under the Node.js that the npm client runs on.

    Returns:
        The package, with what a run imports as bytecode, and modules of the standard library that
        Pyodide loads when it starts.  Without the latter half of its start is compiling them.

    Raises:
        InputError: Node.js does not run it.
    """
    node = shutil.which("node")
    if node is None:
        raise _not_compiled("npm without node", "install Node.js")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for name, data in engine.items():
            (folder / name).write_bytes(data)
        (folder / "packed.bin").write_bytes(packed_files(package))
        (folder / "work").mkdir()
        for name in _COMPILER:
            data = (resources.files("xenexplore.site") / "assets" / name).read_bytes()
            (folder / "work" / name).write_bytes(data)
        (folder / "work" / "package.json").write_text('{"type": "module"}')
        words = [node, str(folder / "work" / _COMPILER[0]), place]
        try:
            done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=900)
        except subprocess.TimeoutExpired:
            raise _not_compiled("no end in 900 seconds", "try again") from None
        if done.returncode:
            lines = [
                line for line in done.stderr.splitlines() if "Error" in line and len(line) < 300
            ]
            raise _not_compiled((lines or [f"status {done.returncode}"])[-1], "use another Node.js")
        made, library = _below(folder / "compiled"), _below(folder / "library")
    return dict(sorted((_without(package, made) | made).items())), library


def _below(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.pyc")
    }


def _without(package: Mapping[str, bytes], made: Mapping[str, bytes]) -> dict[str, bytes]:
    """The package without the sources of what is compiled."""
    return {name: data for name, data in package.items() if f"{name}c" not in made}

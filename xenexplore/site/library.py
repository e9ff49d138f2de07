"""Pyodide's standard library: without what a page never uses; what it always loads, compiled."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping
from typing import Final

__all__ = ["LEFT_OUT", "LIBRARY", "smaller"]

#: Its name among Pyodide's files.
LIBRARY: Final = "python_stdlib.zip"
#: Modules that need sockets, other processes or a terminal; debuggers, profilers, test frameworks.
LEFT_OUT: Final = frozenset(
    (
        "_pyrepl", "bdb", "cProfile", "doctest", "ftplib", "imaplib", "mailbox", "modulefinder",
        "multiprocessing", "pdb", "pickletools", "poplib", "profile", "pstats", "pty", "smtplib",
        "socketserver", "sqlite3", "trace", "tty", "unittest", "wsgiref", "xmlrpc",
    )
)  # fmt: skip
# Tables of 8-bit character sets: a page has Unicode.
_CODE_PAGE: Final = re.compile(
    r"encodings/(cp\d|hp_|iso8859_|koi8_|kz1048|mac_|palmos|ptcp154|tis_620)"
)


def smaller(library: bytes, compiled: Mapping[str, bytes]) -> bytes:
    """The archive without them; the same bytes for the same archive.

    Args:
        library: the archive.
        compiled: bytecode that stands in place of sources, by its name in the archive.
    """
    made = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(library)) as old,
        zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as new,
    ):
        for name in sorted(old.namelist()):
            top = name.partition("/")[0].removesuffix(".py")
            if top not in LEFT_OUT and not _CODE_PAGE.match(name):
                kept = f"{name}c" if f"{name}c" in compiled else name
                data = compiled.get(kept) or old.read(name)
                new.writestr(zipfile.ZipInfo(kept), data, zipfile.ZIP_DEFLATED, 9)
    return made.getvalue()

"""Pyodide's standard library without what a page in a browser can never use."""

from __future__ import annotations

import io
import zipfile
from typing import Final

__all__ = ["LEFT_OUT", "LIBRARY", "smaller"]

#: Its name among Pyodide's files.
LIBRARY: Final = "python_stdlib.zip"
#: Modules that need sockets, other processes or a terminal, and test frameworks.
LEFT_OUT: Final = frozenset(
    (
        "_pyrepl", "doctest", "ftplib", "imaplib", "mailbox", "multiprocessing", "pdb", "poplib",
        "pty", "smtplib", "socketserver", "tty", "unittest", "wsgiref", "xmlrpc",
    )
)  # fmt: skip


def smaller(library: bytes) -> bytes:
    """The archive without them; the same bytes for the same archive."""
    made = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(library)) as old,
        zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as new,
    ):
        for name in sorted(old.namelist()):
            if name.partition("/")[0].removesuffix(".py") not in LEFT_OUT:
                new.writestr(zipfile.ZipInfo(name), old.read(name), zipfile.ZIP_DEFLATED, 9)
    return made.getvalue()

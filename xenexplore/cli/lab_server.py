"""The process in which ``xenexplore lab`` runs JupyterLab; it ends when its launcher does.

``python -m xenexplore.cli.lab_server LAUNCHER-PID NOTEBOOK... -- ARGUMENT...``
"""

from __future__ import annotations

import ctypes
import os
import signal
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Final

from xenexplore.cli.diagnostics import tell

__all__ = ["main", "trust"]

# Linux, include/uapi/linux/prctl.h: PR_SET_PDEATHSIG.
_SET_PARENT_DEATH_SIGNAL: Final = 1


def _end_with(launcher: int) -> None:
    """Have the kernel send SIGTERM when the launcher dies, however it dies.

    JupyterLab then shuts down its kernels.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != launcher:  # it died before the call
        sys.exit(1)


def trust(notebooks: Sequence[str]) -> None:
    """Sign notebooks, as ``jupyter trust`` does, so that their saved views are shown.

    Only for files that are what xenexplore ships, to the byte.  If they cannot
    be signed they open untrusted, and the reader runs their cells.
    """
    import nbformat
    from nbformat.sign import NotebookNotary

    notary = NotebookNotary()
    # Its key and its database go there; before nbformat 5.11 it has to be there.
    os.makedirs(notary.data_dir, mode=0o700, exist_ok=True)
    # Closes its database; before nbformat 5.11 there was nothing to be entered.
    with notary if hasattr(notary, "__enter__") else nullcontext():
        for path in notebooks:
            try:
                notary.sign(nbformat.read(path, as_version=nbformat.NO_CONVERT))
            except (OSError, ValueError, sqlite3.Error) as error:
                tell(f"xenexplore: {path} is not trusted: {error}")


def main(words: Sequence[str]) -> None:
    """Tie this process to its launcher, trust our notebooks, and become JupyterLab."""
    split = words.index("--")
    _end_with(int(words[0]))
    trust(words[1:split])
    from jupyterlab.labapp import LabApp

    LabApp.launch_instance(list(words[split + 1 :]))


if __name__ == "__main__":
    main(sys.argv[1:])

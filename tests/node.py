"""Node.js for the tests: the machine's, or the one that Playwright drives its browsers with."""

from __future__ import annotations

import shutil
from pathlib import Path

import playwright

__all__ = ["node"]


def node() -> str:
    """The program; Playwright's wheel carries one, so that there is always one."""
    carried = Path(playwright.__file__).parent / "driver" / "node"
    return str(carried) if carried.exists() else shutil.which("node") or "node"

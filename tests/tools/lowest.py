"""Run the suite on the lowest versions that pyproject.toml allows.

Usage: python3 tests/tools/lowest.py [--keep DIR] [PYTEST ARGUMENT ...]

Makes a virtual environment with this Python, resolves each dependency that
pyproject.toml names to its lower bound (and what those depend on to the
newest), and runs pytest there.  Exits with pytest's status.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def install(place: Path) -> Path:
    """An environment at the lower bounds; returns its Python."""
    python, tool = place / "lowest/bin/python", place / "tool/bin/python"
    asked, made_of = (ROOT / "pyproject.toml").read_bytes(), place / "pyproject.toml"
    if made_of.exists() and made_of.read_bytes() == asked:
        return python
    shutil.rmtree(place / "lowest", ignore_errors=True)
    for folder in ("tool", "lowest"):
        subprocess.run([sys.executable, "-m", "venv", place / folder], check=True)
    # uv resolves to lower bounds; pip cannot.
    subprocess.run([tool, "-m", "pip", "install", "-q", "uv"], check=True)
    versions = place / "versions.txt"
    uv = [tool, "-m", "uv", "pip"]
    subprocess.run(
        [*uv, "compile", "-q", "--resolution", "lowest-direct", "--extra", "test",
         "-p", python, "-o", versions, ROOT / "pyproject.toml"],
        check=True,
    )  # fmt: skip
    subprocess.run([python, "-m", "pip", "install", "-q", "-r", versions], check=True)
    subprocess.run([python, "-m", "pip", "install", "-q", "--no-deps", "-e", ROOT], check=True)
    made_of.write_bytes(asked)
    return python


def main() -> int:
    """Install, and run the suite."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--keep", type=Path, help="make the environment in DIR, and leave it")
    args, rest = parser.parse_known_args()
    with tempfile.TemporaryDirectory(prefix="lowest-") as made:
        python = install((args.keep or Path(made)).resolve())
        path = f"{python.parent}:{os.environ['PATH']}"
        done = subprocess.run(
            [python, "-m", "pytest", *rest], cwd=ROOT, env=os.environ | {"PATH": path}, check=False
        )
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())

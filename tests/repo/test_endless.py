"""A test that waits forever is ended and named (pyproject.toml), and the others are run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CONFIG = Path(__file__).resolve().parents[2] / "pyproject.toml"
MADE = """import time

def test_before(): pass

def test_endless():
    while True:
        time.sleep(1)

def test_after(): pass
"""


def test_a_test_without_an_end_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    (tmp_path / "test_made.py").write_text(MADE, encoding="utf-8")
    short = ("-o", "timeout=4", "-o", "faulthandler_timeout=2")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-c", CONFIG, "--rootdir", tmp_path, "-n", "1", *short,
         "-p", "no:cacheprovider", "test_made.py"],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 1
    assert "1 failed, 2 passed" in done.stdout
    assert "crashed while running 'test_made.py::test_endless'" in done.stdout
    assert 'test_made.py", line 7 in test_endless' in done.stderr

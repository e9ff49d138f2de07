"""The files of the source tree: git's list where there is git, else a walk by the same rules."""

from __future__ import annotations

import os
import shutil
import subprocess
from fnmatch import fnmatchcase
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def source_files(root: Path = ROOT) -> list[str]:
    """Names, relative to ``root``, of what belongs to the project; never an empty list.

    A checkout is asked through git.  A source archive, or a machine without
    git, is walked, less what ``.gitignore`` names.
    """
    found = _tracked(root) or _walked(root)
    assert "pyproject.toml" in found, f"{root} is no source tree of this project"
    return found


def _tracked(root: Path) -> list[str]:
    """What git lists; [] where this is no checkout or git is missing."""
    if not (root / ".git").exists() or shutil.which("git") is None:
        return []
    done = subprocess.run(
        ["git", "ls-files", "-z"],
        cwd=root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    # Git refuses a checkout of somebody else's; then it is walked.
    names = done.stdout.split("\0") if done.returncode == 0 else []
    return sorted(name for name in names if name and (root / name).exists())


def _walked(root: Path) -> list[str]:
    rules = (root / ".gitignore").read_text(encoding="utf-8").split()
    found: list[str] = []
    for folder, inner, names in os.walk(root):
        here = Path(folder).relative_to(root)
        inner[:] = [n for n in inner if n != ".git" and not _ignored(here / n, rules, folder=True)]
        found += [str(here / n) for n in names if not _ignored(here / n, rules, folder=False)]
    return sorted(name for name in found if name != ".git")


def _ignored(path: Path, rules: list[str], *, folder: bool) -> bool:
    """Whether a rule names it; of git's language as much as this project's file uses."""
    for rule in rules:
        if rule.endswith("/") and not folder:
            continue
        bare = rule.strip("/")
        assert "/" not in bare, (
            f".gitignore: {rule}: tests/source_tree.py does not know such a rule"
        )
        assert rule[0] not in "!#", f".gitignore: {rule}: tests/source_tree.py knows no such rule"
        name = str(path) if rule.startswith("/") else path.name
        if fnmatchcase(name, bare):
            return True
    return False

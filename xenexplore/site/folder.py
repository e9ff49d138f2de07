"""The folder that a site is written to: made whole beside it, then put in its place."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from xenexplore.errors import InputError

__all__ = ["MARK", "new_folder"]

#: The file by which a folder is known to be a site of ours.
MARK: Final = "site.json"
SCHEMA: Final = "xenexplore.site/1"


def _is_ours(folder: Path) -> bool:
    try:
        mark = json.loads((folder / MARK).read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(mark, dict) and mark.get("schema") == SCHEMA


def _checked(folder: Path) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise InputError(folder, "", expected="a folder", got="a file")
    if any(folder.iterdir()) and not _is_ours(folder):
        raise InputError(
            folder, "", expected="an empty folder, or an earlier site",
            got="a folder with other files", hint="name another folder after -o",
        )  # fmt: skip


@contextmanager
def new_folder(place: Path) -> Iterator[Path]:
    """A folder to fill; once it is whole it is in the place of what was there.

    On an error it is gone, and what was there before is as it was.

    Raises:
        InputError: there is a file, or a folder that is neither empty nor a site.
        OSError: it cannot be written.
    """
    place = place.absolute()
    _checked(place)
    place.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent))
    try:
        made.chmod(0o777 & ~_umask())
        yield made
        _put(made, place)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _put(made: Path, place: Path) -> None:
    """Two renames: a reader finds the old site, for a moment nothing, or the new one."""
    _checked(place)
    if not place.exists():
        made.rename(place)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{place.name}.old.", dir=place.parent))
    place.rename(old / place.name)
    try:
        made.rename(place)
    except OSError:
        (old / place.name).rename(place)
        raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask

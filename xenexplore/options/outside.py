"""Designs from outside the package: a class in a file, and what installed packages offer.

A file is named with its class, ``my.py:LastWalk``; a package names its designs in the
entry-point group ``xenexplore.designs``.  Either is code, and is executed when it is named.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
import re
import sys
import traceback
import warnings
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING

from xenexplore.errors import DesignError, XenexploreError
from xenexplore.hypervisor.design import Design
from xenexplore.hypervisor.mistakes import validate_design

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["GROUP", "DesignWarning", "design_in_file", "installed_designs", "names_file"]

GROUP = "xenexplore.designs"
"""The entry-point group: name of an entry point to ``module:Class``."""

_NAMED = re.compile(
    r"(?P<file>.+?\.py)(?:\s*:\s*(?P<name>[A-Za-z_]\w*)(?!\w*\s*=))?(?P<rest>\s*:.*)?"
)
_NO_WORD = re.compile(r"\W")


class DesignWarning(UserWarning):
    """An installed package's design cannot be used; everything else can."""


def names_file(text: str) -> bool:
    """Whether a design's text names a file, which would be executed."""
    return _NAMED.fullmatch(text.strip()) is not None


def design_in_file(text: str) -> tuple[type[Design], str] | None:
    """The class that ``FILE.py:CLASS`` names, and what follows it; None: no file is named.

    Without ``:CLASS`` the file must define exactly one design.

    Raises:
        DesignError: the file cannot be read or run, or has no such design.
    """
    named = _NAMED.fullmatch(text.strip())
    if named is None:
        return None
    path = Path(named["file"])
    module = _module(path, _stamp(path))
    found = _designs(module)
    wanted = named["name"] or (next(iter(found)) if len(found) == 1 else "")
    if wanted not in found:
        near = difflib.get_close_matches(wanted, found, n=1, cutoff=0.4)
        raise DesignError(
            path, 0, wanted or "its classes",
            expected=f"{path}:CLASS, of " + (", ".join(found) or "a subclass of xe.Design"),
            got=repr(wanted) if wanted else f"{len(found)} designs",
            hint=f"did you mean {near[0]!r}?" if near else "",
        )  # fmt: skip
    return found[wanted], (named["rest"] or "").strip().removeprefix(":")


def _stamp(path: Path) -> str:
    """Stamp of the file's contents: a file that has changed is another module."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    except OSError as error:
        raise DesignError(
            path, 0, "a design's file", expected="a readable Python file",
            got=error.strerror or str(error),
        ) from None  # fmt: skip


@cache
def _module(path: Path, stamp: str) -> ModuleType:
    """The file, run once for its current contents."""
    name = f"{_NO_WORD.sub('_', path.stem)}_{stamp}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        if isinstance(error, XenexploreError):
            raise
        raise DesignError(
            path, _line(error, path), "on being read", expected="Python that runs",
            got=f"{type(error).__name__}: {getattr(error, 'msg', error)}",
        ) from error  # fmt: skip
    return module


def _line(error: BaseException, path: Path) -> int:
    """The line of the file at which it went wrong."""
    if isinstance(error, SyntaxError):
        return error.lineno or 0
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == str(path)
    ]
    return (lines[-1] or 0) if lines else 0


def _designs(module: ModuleType) -> dict[str, type[Design]]:
    """The designs that a module defines itself."""
    return {
        name: found
        for name, found in vars(module).items()
        if isinstance(found, type)
        and issubclass(found, Design)
        and found.__module__ == module.__name__
    }


@cache
def installed_designs() -> Mapping[str, type[Design]]:
    """Designs of installed packages, by the designs' names; a broken one is a warning.

    Warns:
        DesignWarning: an entry point does not load, or is not a design.
    """
    from importlib.metadata import entry_points

    found: dict[str, type[Design]] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        loaded = _loaded(entry, found)
        if loaded is not None:
            found[loaded.name] = loaded
    return MappingProxyType(found)


def _loaded(entry: EntryPoint, known: Mapping[str, type[Design]]) -> type[Design] | None:
    package = entry.dist.name if entry.dist is not None else "an installed package"
    try:
        kind = entry.load()
        if not (isinstance(kind, type) and issubclass(kind, Design)):
            raise TypeError(f"{entry.value} is not a subclass of xenexplore.Design")  # noqa: TRY301
        validate_design(kind)
        if kind.name in known:
            raise TypeError(f"the name {kind.name!r} belongs to another installed design")  # noqa: TRY301
    except Exception as error:  # noqa: BLE001 - whatever a package does, the others work
        said = (
            str(error) if isinstance(error, XenexploreError) else f"{type(error).__name__}: {error}"
        )
        warnings.warn(
            f"design {entry.name!r} of {package} is ignored: {said}", DesignWarning, stacklevel=4
        )
        return None
    return kind

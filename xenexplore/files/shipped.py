"""Files shipped with the package: inside it in the wheel, beside it in a checkout."""

from __future__ import annotations

from pathlib import Path

__all__ = ["PACKAGE", "shipped"]

#: The package's folder.
PACKAGE = Path(__file__).resolve().parents[1]


def shipped(wheel: str, checkout: str, file: str = "") -> Path | None:
    """Place of something that both a wheel and a checkout have; None if it is missing.

    Args:
        wheel: its path in the package.
        checkout: its path in the folder around the package.
        file: of a folder, a file that it has to hold.

    >>> shipped("no/such/folder", "xenexplore", "__init__.py") == PACKAGE
    True
    """
    places = (PACKAGE / wheel, PACKAGE.parent / checkout)
    return next((place for place in places if (place / file).is_file()), None)

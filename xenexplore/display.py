"""Display of a value at a prompt and in a notebook, for every room.

A record of a lower room knows nothing of text and pictures: they are drawn by the room above it.
What derives from :class:`Shown` asks one module for them, by name and only when it is asked
itself; the package says which module that is (:func:`drawn_by`).
"""

from __future__ import annotations

import importlib
from typing import Any, Protocol

__all__ = [
    "Displays",
    "Pictured",
    "Shown",
    "drawn_by",
    "mimebundle_of",
    "pretty",
    "svg_of",
    "text_of",
]


class Displays(Protocol):
    """Interface of the drawing module."""

    def text_of(self, shown: object, **how: Any) -> str:
        """A value as 72-column text."""

    def svg_of(self, shown: object, **how: Any) -> str:
        """A value as an SVG document."""

    def mimebundle_of(self, shown: object) -> dict[str, str]:
        """Notebook bundle of a value, by media type."""


_module = ""


def drawn_by(module: str) -> None:
    """Name the module that offers :class:`Displays`; it is imported at its first use."""
    global _module  # noqa: PLW0603 - one for the whole package
    _module = module


def _displays() -> Displays:
    displays: Any = importlib.import_module(_module)
    return displays  # type: ignore[no-any-return]


def text_of(shown: object, **how: Any) -> str:
    """A value as text of 72 columns."""
    return _displays().text_of(shown, **how)


def svg_of(shown: object, **how: Any) -> str:
    """A value as an SVG document."""
    return _displays().svg_of(shown, **how)


def mimebundle_of(shown: object) -> dict[str, str]:
    """A value for a notebook: ``text/plain``, ``text/html`` that needs no kernel, or SVG too."""
    return _displays().mimebundle_of(shown)


def pretty(shown: object, printer: Any) -> None:
    """Text of a tuple for IPython, in place of the bundle's: of a whole value its text.

    Within a list or another tuple it is the value's one-line ``repr``.
    """
    printer.text(repr(shown) if len(printer.stack) > 1 else text_of(shown).rstrip("\n"))


class Shown:
    """A value that displays itself as text."""

    __slots__ = ()

    def text(self, *, unicode: bool = False) -> str:
        """The value as text of 72 columns, for a mail.

        Args:
            unicode: box characters where the text has lines, instead of ASCII.
        """
        return text_of(self, unicode=unicode)

    def _repr_mimebundle_(self, **_kwargs: object) -> dict[str, str]:
        """Bundle that a notebook shows, and keeps where there is no kernel."""
        return mimebundle_of(self)

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        # IPython looks for it class by class, beside __repr__.
        if "_repr_pretty_" not in vars(cls):
            cls._repr_pretty_ = Shown._repr_pretty_  # type: ignore[method-assign]

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        pretty(self, printer)


class Pictured(Shown):
    """A value that also displays itself as a picture."""

    __slots__ = ()

    def svg(self, *, theme: str = "light") -> str:
        """The value as an SVG document.

        Args:
            theme: ``"light"`` or ``"dark"``.

        Raises:
            MachineError: there is no such theme.
        """
        return svg_of(self, theme=theme)

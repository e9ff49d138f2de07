"""The words that records have for themselves: their docstrings, read for the format's reference."""

from __future__ import annotations

import inspect
import re

__all__ = ["attribute_words", "first_line"]

# Sphinx's markup: ``word``, :class:`~room.Word`.
_MARKUP = re.compile(r"(?::[a-z]+:)?`+~?(?:[A-Za-z_]+\.)*([^`]*)`+")


def attribute_words(record: type) -> dict[str, str]:
    """Attribute to its words, from a record's docstring and those of its bases."""
    found: dict[str, str] = {}
    for base in reversed(record.__mro__[:-1]):
        # Python 3.13 takes the indentation off when it compiles, earlier ones do not.
        _, _, listed = inspect.cleandoc(base.__doc__ or "").partition("Attributes:\n")
        listed = listed.split("\n\n", 1)[0]
        for item in re.split(r"\n {4}(?=\S)", "\n" + listed):
            name, colon, text = item.strip().partition(":")
            if colon and name.replace("_", "").isalnum():
                found[name] = _MARKUP.sub(r"\1", " ".join(text.split()))
    return found


def first_line(record: type) -> str:
    """The first line of a record's docstring."""
    return (record.__doc__ or "").split("\n", 1)[0]

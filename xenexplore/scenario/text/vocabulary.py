"""The vocabulary of a scenario's text: tables, keys, words and defaults, each said once.

A key is called as the attribute of the record that it becomes, but for those of
:data:`KEYS`; its default is the record's.  Loader, writer, recipes, reference and schema
all read from here.
"""

from __future__ import annotations

from dataclasses import MISSING, fields
from functools import cache
from typing import Any, Final

from xenexplore.guest.image_source import ImageSource
from xenexplore.hypercalls.releases import DEFAULT

__all__ = [
    "ABSENT_BESIDE_IMAGE",
    "CONTENT_KEYS",
    "GUEST",
    "IMAGE_KEYS",
    "KEYS",
    "LISTS",
    "XEN",
    "XEN_DEFAULTS",
    "attribute_of",
    "default_of",
    "key_of",
]

GUEST: Final = "guest"
"""The table of the machine."""
XEN: Final = "xen"
"""The table of the Xen that it runs on."""
LISTS: Final = ("buffer", "action", "option", "expect", "note")
"""The tables in double brackets, in the order in which they are written."""

XEN_DEFAULTS: Final = {"version": DEFAULT}
"""The keys of ``[xen]`` and what holds without them."""

KEYS: Final[dict[str, str]] = {
    "given": "with",
    "data": "bytes",
    "p2m_order": "p2m",
    "file": "image",
    "options": "option",
}
"""Attribute of a record to its key, where the two differ."""

CONTENT_KEYS: Final = ("fields", "array", "text", "bytes")
"""The four ways to give a buffer's contents; at most one is used."""

IMAGE_KEYS: Final = tuple(
    one.name for one in fields(ImageSource) if one.compare and one.name != "file"
)
"""Keys of ``[guest]`` that go with ``image``."""

ABSENT_BESIDE_IMAGE: Final = (
    "kernel", "memory", "encryption", "la57", "gib_pages", "smap", "seed",
)  # fmt: skip
"""Keys of ``[guest]`` that do not: the image has its own."""

_ATTRIBUTES = {key: attribute for attribute, key in KEYS.items()}


def key_of(attribute: str) -> str:
    """The key that an attribute of a record is written as.

    >>> key_of("p2m_order"), key_of("vcpus")
    ('p2m', 'vcpus')
    """
    return KEYS.get(attribute, attribute)


def attribute_of(key: str) -> str:
    """The attribute that a key becomes.

    >>> attribute_of("with")
    'given'
    """
    return _ATTRIBUTES.get(key, key)


def default_of(record: type, attribute: str) -> Any:
    """The default of an attribute of a record, or None: it has to be given.

    >>> from xenexplore.guest.spec import GuestSpec
    >>> default_of(GuestSpec, "type")
    'pvh'
    """
    return _defaults(record)[attribute]


@cache
def _defaults(record: type) -> dict[str, Any]:
    return {one.name: None if one.default is MISSING else one.default for one in fields(record)}

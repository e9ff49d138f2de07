"""Spelling of numbers: addresses in groups, entries in groups, sizes as people say them."""

from __future__ import annotations

import re

from xenexplore import steps

__all__ = [
    "entry",
    "errno_name",
    "frame",
    "handle",
    "linear",
    "physical",
    "regroup",
    "size",
    "span",
]

_LONG = re.compile(r"\b0x([0-9a-fA-F]{9,16})\b")
_UNITS = ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


def linear(value: int) -> str:
    """A linear address, all 64 bits: ``ffffc900'00613b2c``."""
    return f"{value >> 32:08x}'{value & 0xFFFF_FFFF:08x}"


def physical(value: int) -> str:
    """A guest-physical or machine address: ``06bf7b2c``, ``1'06bf7b2c``."""
    high = f"{value >> 32:x}'" if value >> 32 else ""
    return f"{high}{value & 0xFFFF_FFFF:08x}"


def handle(value: int) -> str:
    """A handle, whatever it encodes: as a linear address if it is longer than 40 bits."""
    return linear(value) if value >> 40 else physical(value)


def frame(value: int) -> str:
    """A frame number: ``06bf7``."""
    return f"{value:05x}"


def entry(value: int) -> str:
    """A page-table entry in fours: ``0000'0000'0100'0067``."""
    digits = f"{value:016x}"
    return "'".join(digits[at : at + 4] for at in range(0, 16, 4))


def span(value: int) -> str:
    """A length in hex, as it is added to an address: ``+30000000``."""
    return f"+{value:x}"


def size(value: int) -> str:
    """A length as people say it: ``4 bytes``, ``16 KiB``, ``768 MiB``."""
    for unit, name in _UNITS:
        if value >= unit and value % unit == 0:
            return f"{value // unit:,} {name}"
    return "1 byte" if value == 1 else f"{value:,} bytes"


def errno_name(value: int) -> str:
    """``-14`` as ``-EFAULT``; 0 and anything that is no errno as a number."""
    name = steps.errno_name(value)
    return f"-{name}" if name else str(value)


def regroup(sentence: str) -> str:
    """A sentence with its long hexadecimal numbers spelled as views spell addresses."""
    return _LONG.sub(lambda found: handle(int(found[1], 16)), sentence)

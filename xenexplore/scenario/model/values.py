"""Values in a scenario's text: numbers, and addresses of its buffers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["CONSTANTS", "Elements", "Pairs", "Reference", "Value", "parse_value", "value_text"]

CONSTANTS = {"DOMID_SELF": 0x7FF0}
"""Words that may stand for a number (xen/include/public/xen.h)."""

_REFERENCE = re.compile(r"@([A-Za-z0-9_.-]+?)(?:\+(0x[0-9a-fA-F]+|[0-9]+))?")


@dataclass(frozen=True, slots=True)
class Reference:
    """The linear address of a buffer, plus an offset: ``"@op"``, ``"@op+8"``.

    Attributes:
        buffer: its name.
        offset: bytes from its first.
    """

    buffer: str
    offset: int = 0

    def __str__(self) -> str:
        return f"@{self.buffer}+{self.offset}" if self.offset else f"@{self.buffer}"


Value: TypeAlias = "int | Reference"
Pairs: TypeAlias = "tuple[tuple[str, Value], ...]"
Elements: TypeAlias = "tuple[Pairs | Value, ...]"


def parse_value(raw: object) -> Value | None:
    """A value as TOML gives it; None where it is none."""
    if isinstance(raw, int) and not isinstance(raw, bool):
        return _of_64_bits(raw)
    if not isinstance(raw, str):
        return None
    if raw in CONSTANTS:
        return CONSTANTS[raw]
    found = _REFERENCE.fullmatch(raw)
    if found:
        offset = _of_64_bits(int(found[2] or "0", 0))
        return None if offset is None else Reference(found[1], offset)
    try:
        digits = raw.replace("_", "").replace("'", "")
        return _of_64_bits(int(digits, 16)) if raw.startswith("0x") else None
    except ValueError:
        return None


def _of_64_bits(value: int) -> int | None:
    return value if -(1 << 63) <= value < 1 << 64 else None


def value_text(value: Value) -> int | str:
    """A value as the writer puts it: small numbers plain, large ones as hex text."""
    if isinstance(value, Reference):
        return str(value)
    return value if -(1 << 63) <= value < 1 << 16 else f"{value:#x}"

"""Description of an entry that is not present."""

from __future__ import annotations

from typing import Final

from xenexplore.memory.image_contents import GuestOs
from xenexplore.paging.absent_entries import AbsentEntry, AbsentKind

__all__ = ["absent_text"]

_NAMES: Final = {GuestOs.LINUX: "Linux", GuestOs.WINDOWS: "Windows"}


def absent_text(entry: AbsentEntry) -> str:
    """One line without its end: ``Linux: swap, type 15, offset 0x24680``."""
    parts = [entry.kind.value]
    if entry.number is not None:
        parts.append(f"{'type' if entry.os is GuestOs.LINUX else 'file'} {entry.number}")
    if entry.offset is not None:
        parts.append(f"offset {entry.offset:#x}")
    if entry.frame is not None:
        parts.append(f"frame {entry.frame:#x}")
    if entry.address is not None:
        parts.append(f"at {entry.address:x}")
    if entry.protection is not None:
        parts.append(f"protection {entry.protection:#x}")
    if entry.kind is AbsentKind.EMPTY:
        parts = ["nothing mapped"]
    return f"{_NAMES[entry.os]}: {', '.join(parts)}"

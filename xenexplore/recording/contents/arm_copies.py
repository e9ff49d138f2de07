"""The copies of an arm64 dom0's boot, where Xen has the CPU translate."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from importlib import resources

import zstandard

from xenexplore.addr import PAGE_SIZE

__all__ = ["ArmCopies", "arm_copies"]


@dataclass(frozen=True, slots=True)
class ArmCopies:
    """Contents of the package's arm64 boot; its provenance is beside its file.

    Attributes:
        hypercalls: number of hypercalls.
        copies: guest copies by Xen.
        crossing: copies that cross a page.
        left: bytes that copies left undone.
        typical: instructions of the most common copy.
    """

    hypercalls: int
    copies: int
    crossing: int
    left: int
    typical: int


def arm_copies() -> ArmCopies:
    """Counts of the recorded arm64 boot.

    >>> arm_copies().copies
    874
    """
    packed = (resources.files("xenexplore.recording") / "data" / "arm64-boot.zst").read_bytes()
    text = zstandard.ZstdDecompressor().stream_reader(packed).read()
    records = [json.loads(line) for line in text.splitlines()]
    copies = [one for one in records if "c" in one]
    return ArmCopies(
        hypercalls=len(records) - len(copies),
        copies=len(copies),
        crossing=sum((one["va"] % PAGE_SIZE) + one["l"] > PAGE_SIZE for one in copies),
        left=sum(one["left"] for one in copies),
        typical=Counter(one["i"] for one in copies).most_common(1)[0][0],
    )

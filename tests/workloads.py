"""Workloads for tests: made by hand, or taken from what the step-by-step machine did."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from xenexplore.analysis.workload.tables import (
    NO_FRAME,
    AccessTable,
    CallTable,
    RegionName,
    Workload,
)
from xenexplore.guest.domain import Domain as Guest
from xenexplore.guest.layout.linux_layout import KERNEL_STACK
from xenexplore.guest.layout.regions import Layout, RegionKind
from xenexplore.guest.spec import GuestSpec
from xenexplore.recording.contents.guest_layouts import GuestSpace
from xenexplore.recording.format.columns import RecordedDomain

WAYS = {"from": 0, "to": 1, "clear": 2}


@dataclass
class Made:
    """A hypercall and its accesses: (direction, address, bytes)."""

    number: int
    sub_op: int
    copies: Sequence[tuple[str, int, int]]
    args: Sequence[int] = ()
    vcpu: int = 0
    user: bool = False
    frames: dict[int, int] = field(default_factory=dict)


def workload_of(layout: Layout, calls: Sequence[Made], kind: str = "hvm") -> Workload:
    regions = tuple(
        RegionName(region.name, region.kind, region.physical is not None)
        for region in layout.regions
    )
    rows = [
        (WAYS[way], address, size, index, address in call.args, call.frames.get(address >> 12))
        for index, call in enumerate(calls)
        for way, address, size in call.copies
    ]
    address = np.array([row[1] for row in rows], np.uint64)
    region = layout.classify(address).astype(np.int16)
    kinds = (RegionKind.VMALLOC, RegionKind.STACK, RegionKind.IRQ_STACK)
    vmalloc = np.array([r.kind in kinds for r in regions])
    mask = np.uint64((1 << 64) - KERNEL_STACK)
    domain = RecordedDomain(0, 0, kind, True)
    return Workload(
        source="made by a test",
        recorded=False,
        domains=(domain,),
        spaces=(GuestSpace(domain, layout, None, None, 0),),
        regions=regions,
        calls=CallTable(
            number=np.array([call.number for call in calls], np.int16),
            sub_op=np.array([call.sub_op for call in calls], np.int32),
            domain=np.zeros(len(calls), np.int16),
            vcpu=np.array([call.vcpu for call in calls], np.int32),
            user=np.array([call.user for call in calls], np.bool_),
        ),
        accesses=AccessTable(
            address=address,
            size=np.array([row[2] for row in rows], np.uint32),
            way=np.array([row[0] for row in rows], np.uint8),
            call=np.array([row[3] for row in rows], np.int64),
            inside=np.ones(len(rows), np.bool_),
            domain=np.zeros(len(rows), np.int16),
            region=region,
            stack=np.where(vmalloc[region], address & mask, np.uint64(0)),
            gfn=np.array([NO_FRAME if row[5] is None else row[5] for row in rows], np.uint64),
            in_register=np.array([row[4] for row in rows], np.bool_),
        ),
    )


@functools.cache
def plain_layout() -> Layout:
    """The layout of a guest with nothing special about it."""
    return Guest(GuestSpec()).layout


def guest_layout(guest: Guest) -> Layout:
    return guest.layout

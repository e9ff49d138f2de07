"""A recording as NumPy columns: hypercalls, guest accesses, walks, and their domains.

Rows stand in recorded order.  Every array is read-only.  A value that a
recorder did not write is 0 (registers), -1 (numbers that may really be 0).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from xenexplore.display import Shown
from xenexplore.errors import RecordingError, ReleaseError
from xenexplore.hypercalls.releases import DEFAULT, RELEASES, release_of
from xenexplore.recording.format.column_set import Columns
from xenexplore.recording.format.counts import RecordCounts
from xenexplore.steps import Direction, Json

__all__ = [
    "DIRECTIONS",
    "DOMID_IDLE",
    "KINDS",
    "NO_FRAME",
    "UNHANDLED",
    "WAYS",
    "Accesses",
    "Calls",
    "Damage",
    "RecordedDomain",
    "Recording",
    "Walks",
]

# What ``c`` says in a record; the column holds the index into this tuple.
# ``H``: through the HVM helpers (copy_to_user_hvm() and its kin, which walk
# the guest's page tables); without: through the current page tables (PV, and
# Xen's own accesses).
DIRECTIONS = ("from", "to", "clr", "Hfrom", "Hto", "Hclr")

WAYS = (*Direction, *Direction)
"""The direction that each of :data:`DIRECTIONS` stands for."""
# What Xen's idle vCPUs have for a domain: no guest (xen/include/public/xen.h).
DOMID_IDLE = 0x7FFF

# What ``k`` says; the column holds the index.  ``hvm32``: an HVM guest's by the 32-bit ABI
# (version 2 only).
KINDS = ("pv", "hvm", "hvm32")

# Number of a hypercall for which no handler was seen to be entered.
UNHANDLED = -1

# Frame of a walk that found none (version 2 only): INVALID_GFN in xen/include/xen/mm-frame.h.
NO_FRAME = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Calls(Columns):
    """Hypercalls: N rows.

    Attributes:
        seq: int64 (N,): sequence number, one more with each row.
        time: float64 (N,): seconds since the recorder started.
        kind: uint8 (N,): 0 a PV guest's (``syscall``), 1 an HVM or PVH guest's, 2 an HVM
            guest's by the 32-bit ABI.
        number: int64 (N,): hypercall number, or ``UNHANDLED``.
        args: uint64 (N, 6): argument registers, raw.  A register that the
            hypercall does not use holds whatever the guest left there.
        arg_count: uint8 (N,): how many of them were recorded.
        domain: int32 (N,): index into ``Recording.domains``; -1 if unknown.
        vcpu: int32 (N,): vCPU id; -1 if not recorded.
        vcpu_at: uint64 (N,): Xen's ``struct vcpu *``.
        rip: uint64 (N,): guest's instruction pointer.
        rsp: uint64 (N,): guest's stack pointer.
        flags: uint64 (N,): guest's RFLAGS.
        cr3: uint64 (N,): CR3 of the processor (for PV: of the guest).
        guest_cr3: uint64 (N,): an HVM guest's own CR3.
        cs: uint32 (N,): guest's code segment selector.
        pcpu: int32 (N,): physical CPU that ran the handler; -1 if not recorded.
        order: int64 (N,): hypercalls entered before it, on any physical CPU; -1
            if not recorded (then rows are in order of entry: one CPU).
    """

    seq: NDArray[np.int64]
    time: NDArray[np.float64]
    kind: NDArray[np.uint8]
    number: NDArray[np.int64]
    args: NDArray[np.uint64]
    arg_count: NDArray[np.uint8]
    domain: NDArray[np.int32]
    vcpu: NDArray[np.int32]
    vcpu_at: NDArray[np.uint64]
    rip: NDArray[np.uint64]
    rsp: NDArray[np.uint64]
    flags: NDArray[np.uint64]
    cr3: NDArray[np.uint64]
    guest_cr3: NDArray[np.uint64]
    cs: NDArray[np.uint32]
    pcpu: NDArray[np.int32]
    order: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Accesses(Columns):
    """Xen's accesses to guest memory by linear address: M rows.

    Attributes:
        direction: uint8 (M,): index into ``DIRECTIONS``.
        address: uint64 (M,): linear address of the first byte.
        size: uint32 (M,): bytes.
        call: int64 (M,): row of the hypercall during or after which it
            happened; -1: before the first one.
        inside: bool (M,): during the hypercall (else after it).
        domain: int32 (M,): of an access outside: the domain whose vCPU was current,
            as an index into ``Recording.domains``; -1: not recorded, or inside.
        vcpu: int32 (M,): that vCPU's id; -1: not recorded, or inside.
        pcpu: int32 (M,): physical CPU; -1 if not recorded.
    """

    direction: NDArray[np.uint8]
    address: NDArray[np.uint64]
    size: NDArray[np.uint32]
    call: NDArray[np.int64]
    inside: NDArray[np.bool_]
    domain: NDArray[np.int32]
    vcpu: NDArray[np.int32]
    pcpu: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Walks(Columns):
    """Results of Xen's own walks of an HVM guest's page tables: W rows.

    Attributes:
        address: uint64 (W,): linear address that was walked.
        gfn: uint64 (W,): guest frame that it maps to, or ``NO_FRAME``.
        call: int64 (W,): row of the hypercall during or after which; -1: before.
        access: int64 (W,): row of the access just before it, which it served; -1: none.
        domain: int32 (W,): index into ``Recording.domains``; -1 if unknown.
        vcpu_at: uint64 (W,): Xen's ``struct vcpu *``.
        vcpu: int32 (W,): id of the vCPU whose tables were walked; -1 if not recorded.
        pcpu: int32 (W,): physical CPU; -1 if not recorded.
        level: uint8 (W,): level of the guest's entry that maps the address: 1 for a
            4 KiB page, 2 for 2 MiB (or 4 MiB), 3 for 1 GiB; 0 if not recorded.
        guest_cr3: uint64 (W,): CR3 that the walk began from; 0 if not recorded.
    """

    address: NDArray[np.uint64]
    gfn: NDArray[np.uint64]
    call: NDArray[np.int64]
    access: NDArray[np.int64]
    domain: NDArray[np.int32]
    vcpu_at: NDArray[np.uint64]
    vcpu: NDArray[np.int32]
    pcpu: NDArray[np.int32]
    level: NDArray[np.uint8]
    guest_cr3: NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class RecordedDomain:
    """One domain of a recording.

    Attributes:
        index: what the ``domain`` columns hold.
        domid: its domain id: recorded (``d``), or by order of appearance.
        kind: ``"pv"`` or ``"hvm"`` (which is also what a PVH guest is to Xen).
        recorded: whether the recorder wrote the domain id.
    """

    index: int
    domid: int
    kind: str
    recorded: bool

    @property
    def name(self) -> str:
        """``dom0``, ``dom1``, ..."""
        return f"dom{self.domid}"


@dataclass(frozen=True, slots=True)
class Damage:
    """Place and reason where reading stopped before the end.

    Attributes:
        line: line that could not be used, from 1.
        byte: offset of that line's first byte in the uncompressed text.
        what: what is wrong there, in words.
        cut: the input ended too early or could not be decompressed (a lost
            tail), as against a whole line that says something wrong.
    """

    line: int
    byte: int
    what: str
    cut: bool

    def __str__(self) -> str:
        return f"line {self.line} (byte {self.byte}): {self.what}"


@dataclass(frozen=True, slots=True)
class Recording(Shown):
    """Hypercalls of real guests, or one chunk of them.

    Attributes:
        source: the file's or the built-in's name.
        meta: the header record's content, or empty.
        domains: every domain seen so far; ``domains[i].index == i``.
        calls, accesses, walks: the columns.
        damage: the place where reading stopped prematurely, or None.
        counts: instructions, loads and stores (version 2), or None.
    """

    source: str
    meta: Mapping[str, Json]
    domains: tuple[RecordedDomain, ...]
    calls: Calls
    accesses: Accesses
    walks: Walks
    damage: Damage | None = None
    counts: RecordCounts | None = None
    _start: NDArray[np.int64] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        rows = np.arange(len(self.calls) + 1, dtype=np.int64)
        start = np.searchsorted(self.accesses.call, rows).astype(np.int64)
        start.setflags(write=False)
        object.__setattr__(self, "_start", start)

    @property
    def release(self) -> str:
        """The release of Xen that was recorded, as named in the catalogue.

        4.17 where the file does not say, as those of version 1 do not: all that was
        recorded before the format had a header.

        Raises:
            RecordingError: the catalogue describes no such Xen.
        """
        told = self.meta.get("xen")
        version = told.get("version", "") if isinstance(told, dict) else ""
        if not version:
            return DEFAULT
        try:
            return release_of(str(version))
        except ReleaseError:
            raise RecordingError(
                self.source, "meta.xen.version", expected=" or ".join(RELEASES),
                got=repr(version), hint="the catalogue covers no other Xen",
            ) from None  # fmt: skip

    @property
    def access_start(self) -> NDArray[np.int64]:
        """int64 (N+1,): accesses of call ``i`` are rows ``start[i]:start[i+1]``, outside ones last.

        Rows before ``start[0]`` happened before the first hypercall.
        """
        return self._start

    def of_domain(self, index: int) -> NDArray[np.int64]:
        """Rows of ``calls`` that belong to a domain (-1: to none that is known)."""
        return np.flatnonzero(self.calls.domain == index)

    def outside_domain(self) -> NDArray[np.int32]:
        """int32 (M,): domain of each access outside hypercalls, as far as recorded.

        An HVM guest's access is followed by its walk, which names the vCPU.
        Else the domain is what was recorded.  Without that, a PV guest's is the
        only PV domain's, if there is one.  Else -1.
        """
        pv = [domain.index for domain in self.domains if domain.kind == "pv"]
        owner = self.accesses.domain.copy()
        if len(pv) == 1 and (self.accesses.pcpu < 0).all():
            owner[self.accesses.direction < 3] = pv[0]
        served = self.walks.access >= 0
        owner[self.walks.access[served]] = self.walks.domain[served]
        return owner

    def same_records(self, other: Recording) -> bool:
        """Whether both hold the same domains and the same values in every column."""
        return (
            self.domains == other.domains
            and self.calls.equal(other.calls)
            and self.accesses.equal(other.accesses)
            and self.walks.equal(other.walks)
            and (
                self.counts.equal(other.counts)
                if self.counts is not None and other.counts is not None
                else self.counts is other.counts
            )
        )

    def __repr__(self) -> str:
        return (
            f"<Recording {self.source}: {len(self.calls)} hypercalls, "
            f"{len(self.accesses)} accesses, {len(self.walks)} walks, "
            f"{len(self.domains)} domains{', damaged' if self.damage else ''}>"
        )

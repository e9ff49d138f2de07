"""The header of a recording: its machine, and the limits that follow.

Version 2 requires it; a version 1 header says what its recorder liked, and the
values that it does not tell are None or empty.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from xenexplore.errors import RecordingError
from xenexplore.recording.format.record_lines import BadLine
from xenexplore.steps import Json

__all__ = ["Artefact", "GuestEntry", "GuestKind", "Header", "need_accesses", "read_header"]


class GuestKind(Enum):
    """Kind of a domain at its start; only the toolstack distinguishes HVM and PVH."""

    PV = "pv"
    PVH = "pvh"
    HVM = "hvm"


class Artefact(Enum):
    """Artefact of the recording method: something added to a recording, or missing from it."""

    NO_NRIP = "no-nrip"
    """The emulated CPU has no NRIP save: Xen decodes VMMCALL in software."""

    NO_DECODE_COUNT = "no-decode-count"
    """...and the instructions of that decoding were not counted (no ``il``)."""

    EMULATED_CLOCK = "emulated-clock"
    """Timer calls depend on the emulator's speed, not only on the guest."""

    INTERRUPTED = "interrupted"
    """The recorder was stopped before the workload had ended."""

    SOFT_LOCKUPS = "soft-lockups"
    """The guest reported soft lockups: the emulator starved a virtual CPU."""

    WORKLOAD_FAILED = "workload-failed"
    """Part of the workload failed: its domU did not finish, or the user's script failed."""

    DOMAINS_BY_APPEARANCE = "domains-by-appearance"
    """Domain ids were not recorded, but assigned in the order in which vCPUs appear."""

    HYPERCALLS_ONLY = "hypercalls-only"
    """Neither guest accesses and walks nor registers were recorded, as from xentrace."""


@dataclass(frozen=True, slots=True)
class GuestEntry:
    """One domain that ran.

    Attributes:
        domid: its domain id.
        kind: PV, PVH or HVM.
        vcpus: how many virtual CPUs it had.
        kernel: its kernel, e.g. ``"Linux 6.1.192"``, or ``""``.
    """

    domid: int
    kind: GuestKind
    vcpus: int
    kernel: str


@dataclass(frozen=True, slots=True)
class Header:
    """A header's content.

    Attributes:
        version: of the format.
        arch: ``"x86_64"``.
        xen: Xen's version, e.g. ``"4.17.7"``, or ``""``.
        symbols: hash of Xen's symbol file, ``"sha256:..."``, or ``""``.
        emulator: e.g. ``"QEMU 11.1.3 TCG"``; ``""``: hardware, or not told.
        pcpus: physical CPUs that Xen had, or None.
        guests: the domains, dom0 first.
        backends: backends that moved data: ``"disk"``, ``"net"``; None: not told.
        workload: what the guests did, in a line.
        artefacts: what the way of recording did to the content.
        recorder, command: what wrote it, and the command that repeats it.
    """

    version: int
    arch: str
    xen: str
    symbols: str
    emulator: str
    pcpus: int | None
    guests: tuple[GuestEntry, ...]
    backends: tuple[str, ...] | None
    workload: str
    artefacts: tuple[Artefact, ...]
    recorder: str
    command: str


_BACKENDS = ("disk", "net")
_HASH = re.compile(r"sha256:[0-9a-f]{64}")
_MOST_PCPUS = 4096  # CONFIG_NR_CPUS of xen/arch/Kconfig allows no more


def read_header(meta: Mapping[str, Json]) -> Header:
    """The header record's content, checked.

    Raises:
        BadLine: a member is missing (version 2) or is not what it should be.
    """
    version = meta.get("version", 1)
    if version != 2:
        return _told_little(meta)
    at = _Members(meta, "meta")
    machine = _Members(at.value("machine", dict, "an object"), "meta.machine")
    xen = _Members(at.value("xen", dict, "an object"), "meta.xen")
    arch = at.value("arch", str, "text")
    if arch != "x86_64":
        raise BadLine("meta.arch", "'x86_64'", repr(arch), "no other architecture is supported yet")
    symbols = xen.value("symbols", str, "text", "")
    if symbols and not _HASH.fullmatch(symbols):
        raise BadLine("meta.xen.symbols", "sha256: and 64 hex digits", repr(symbols))
    return Header(
        version=2,
        arch=arch,
        xen=xen.value("version", str, "text"),
        symbols=symbols,
        emulator=machine.value("emulator", str, "text", ""),
        pcpus=machine.number("pcpus", 1, _MOST_PCPUS),
        guests=_guests(at.value("guests", list, "a list")),
        backends=_backends(at.value("backends", list, "a list")),
        workload=at.value("workload", str, "text"),
        artefacts=_artefacts(at.value("artefacts", list, "a list")),
        recorder=at.value("recorder", str, "text", ""),
        command=at.value("command", str, "text", ""),
    )


def need_accesses(source: str, meta: Mapping[str, Json]) -> None:
    """Reject a recording without accesses if accesses are needed.

    Raises:
        RecordingError: its header says ``hypercalls-only``.
    """
    artefacts = meta.get("artefacts")
    if isinstance(artefacts, list) and Artefact.HYPERCALLS_ONLY.value in artefacts:
        raise RecordingError(
            source, "meta.artefacts", expected="guest accesses and arguments",
            got=repr(Artefact.HYPERCALLS_ONLY.value),
            hint="a trace has neither; recording info shows what it has",
        )  # fmt: skip


def _told_little(meta: Mapping[str, Json]) -> Header:
    tool = meta.get("tool")
    return Header(
        version=1, arch="x86_64", xen="", symbols="", emulator="", pcpus=None, guests=(),
        backends=None, workload="", artefacts=(),
        recorder=tool if isinstance(tool, str) else "", command="",
    )  # fmt: skip


class _Members:
    """Members of one object of the header, each taken with its type."""

    def __init__(self, values: Mapping[str, Any], where: str) -> None:
        self._values = values
        self._where = where

    def value(self, name: str, kind: type, what: str, missing: Any = None) -> Any:
        found = self._values.get(name, missing)
        if type(found) is not kind:
            got = "none" if name not in self._values else repr(found)[:40]
            raise BadLine(f"{self._where}.{name}", what, got, "version 2 requires it")
        return found

    def number(self, name: str, low: int, high: int) -> int:
        found: int = self.value(name, int, "a whole number")
        if not low <= found <= high:
            raise BadLine(f"{self._where}.{name}", f"{low} to {high}", str(found))
        return found


def _guests(values: list[Any]) -> tuple[GuestEntry, ...]:
    guests: list[GuestEntry] = []
    for index, value in enumerate(values):
        where = f"meta.guests[{index}]"
        if not isinstance(value, dict):
            raise BadLine(where, "an object", repr(value)[:40])
        at = _Members(value, where)
        kind = at.value("kind", str, "text")
        if kind not in {item.value for item in GuestKind}:
            raise BadLine(f"{where}.kind", "pv, pvh or hvm", repr(kind)[:40])
        domid = at.number("domain", 0, 0x7FEF)  # below DOMID_FIRST_RESERVED
        vcpus = at.number("vcpus", 1, _MOST_PCPUS)
        if any(guest.domid == domid for guest in guests):
            raise BadLine(f"{where}.domain", "each domain once", str(domid))
        guests.append(
            GuestEntry(domid, GuestKind(kind), vcpus, at.value("kernel", str, "text", ""))
        )
    return tuple(guests)


def _backends(values: list[Any]) -> tuple[str, ...]:
    for index, value in enumerate(values):
        if value not in _BACKENDS:
            raise BadLine(f"meta.backends[{index}]", " or ".join(_BACKENDS), repr(value)[:40])
    return tuple(values)


def _artefacts(values: list[Any]) -> tuple[Artefact, ...]:
    known = {item.value for item in Artefact}
    for index, value in enumerate(values):
        if value not in known:
            expected = f"one of {', '.join(sorted(known))}"
            raise BadLine(f"meta.artefacts[{index}]", expected, repr(value)[:40])
    return tuple(Artefact(value) for value in values)

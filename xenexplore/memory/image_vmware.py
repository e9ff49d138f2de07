"""VMware's suspended and snapshotted machines: ``.vmss`` or ``.vmsn``, and ``.vmem`` beside.

The state file is groups of tags.  The group ``memory`` either holds the memory
itself or says which regions of guest memory lie where in the ``.vmem`` file;
the group ``cpu`` holds the control registers.

Source: VMware publishes none; the layout as Nir Izraeli found it and the Volatility
and Rekall projects keep it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from xenexplore.addr import PAGE_SHIFT
from xenexplore.errors import ImageError
from xenexplore.memory.image_contents import Bytes, ImageContents, Kind, Segment
from xenexplore.memory.image_elf import cut_short
from xenexplore.memory.image_registers import Registers
from xenexplore.memory.image_source import load_bytes

__all__ = ["VMWARE_MAGICS", "read_vmware", "state_beside"]

VMWARE_MAGICS: Final = (
    b"\xd0\xbe\xd2\xbe", b"\xd1\xba\xd1\xba", b"\xd2\xbe\xd2\xbe", b"\xd3\xbe\xd3\xbe",
)  # fmt: skip

Tags: TypeAlias = "dict[tuple[str, tuple[int, ...]], tuple[int, int]]"

_HEADER: Final = struct.Struct("<4sII")
_GROUP: Final = struct.Struct("<64sQQ")
_MOST_GROUPS: Final = 1 << 12
_MOST_TAGS: Final = 1 << 20
_LONG: Final = (62, 63)
_CR0_PG, _CR4_PAE = 1 << 31, 1 << 5
_EFER_LMA, _EFER_LONG, _EFER_NXE = 1 << 10, 0x500, 0x800


def state_beside(file: Path) -> Path | None:
    """The state file of a ``.vmem`` file; None if there is none beside it."""
    if file.suffix.lower() == ".vmem":
        for suffix in (".vmss", ".vmsn"):
            beside = file.with_suffix(suffix)
            if beside.is_file():
                return beside
    return None


def read_vmware(file: Path, data: Bytes) -> ImageContents:
    """Memory and registers of a suspended machine or a snapshot.

    Args:
        file: the state file; the memory may be in a file beside it.
        data: its content.

    Raises:
        ImageError: not such a file, cut short, or its memory is nowhere.
        OSError: the ``.vmem`` file cannot be opened.
    """
    gaps: list[ImageError] = []
    groups = dict(_groups(file, data))
    if "memory" not in groups:
        raise ImageError(
            file,
            "groups",
            expected="the group memory",
            got=", ".join(sorted(groups))[:60] or "none",
            hint="a partial snapshot, or truncated",
        )
    wide = bytes(data[:1])[0] & 15 > 0
    memory = _tags(file, data, groups["memory"], wide, gaps)
    registers = _tags(file, data, groups["cpu"], wide, gaps) if "cpu" in groups else {}
    inside = next(
        ((at, size) for (name, _), (at, size) in memory.items() if name == "Memory"), None
    )
    vmem = file.with_suffix(".vmem")
    if inside is None and not vmem.is_file():
        raise ImageError(
            file,
            "",
            expected=f"the machine's memory beside its state: {vmem.name}",
            got="no such file",
            hint="copy both files of the snapshot into one folder",
        )
    base = 0
    if inside is not None:
        held, base = data, inside[0]
        size = min(inside[1], len(data) - base)
        if size < inside[1]:
            gaps.append(cut_short(file, "Memory", base, inside[1], data))
    else:
        held = load_bytes(vmem)
        size = len(held)
    segments = tuple(_regions(file, data, memory, base, size, gaps))
    if not segments:
        raise (
            gaps[0]
            if gaps
            else ImageError(file, "memory", expected="the machine's memory", got="none")
        )
    return ImageContents(
        kind=Kind.VMWARE,
        data=held,
        segments=segments,
        vcpus=tuple(_vcpus(data, registers)),
        gaps=tuple(gaps),
    )


def _groups(file: Path, data: Bytes) -> Iterator[tuple[str, int]]:
    """Name and offset of each group."""
    if len(data) < _HEADER.size:
        raise cut_short(file, "header of a VMware state file", 0, _HEADER.size, data)
    _, _, count = _HEADER.unpack(bytes(data[: _HEADER.size]))
    size = _GROUP.size * count
    table = bytes(data[_HEADER.size : _HEADER.size + size]) if count <= _MOST_GROUPS else b""
    if not count or len(table) < size:
        raise ImageError(
            file,
            "header of a VMware state file",
            expected="a table of groups",
            got=f"{count} groups in a file of {len(data):#x} bytes",
            hint="the file is damaged or truncated",
        )
    for name, at, _ in _GROUP.iter_unpack(table):
        yield name.split(b"\0", 1)[0].decode("ascii", "replace"), at


def _tags(file: Path, data: Bytes, at: int, wide: bool, gaps: list[ImageError]) -> Tags:
    """``(name, indices)`` to ``(offset, size)`` of every tag of a group."""
    found: Tags = {}
    word = 8 if wide else 4
    while len(found) < _MOST_TAGS:
        head = bytes(data[at : at + 2 + 255 + 12 + 2 * word + 2])
        if len(head) < 2:
            gaps.append(cut_short(file, f"tag at {at:#x}", at, 2, data))
            break
        flags, length = head[0], head[1]
        if not flags and not length:
            break
        name = head[2 : 2 + length].decode("ascii", "replace")
        count = flags >> 6
        place = 2 + length
        indices = tuple(
            int.from_bytes(head[place + 4 * n : place + 4 * n + 4], "little") for n in range(count)
        )
        place += 4 * count
        size = flags & 0x3F
        if size in _LONG:
            # The size twice (on disk, in memory), two bytes that say how much padding follows.
            size = int.from_bytes(head[place : place + word], "little")
            padding = int.from_bytes(head[place + 2 * word : place + 2 * word + 2], "little")
            place += 2 * word + 2 + padding
        found[name, indices] = (at + place, size)
        at += place + size
    return found


def _value(data: Bytes, tags: Tags, name: str, *indices: int) -> int | None:
    place = tags.get((name, indices))
    if place is None or place[1] > 8:
        return None
    return int.from_bytes(data[place[0] : place[0] + place[1]], "little")


def _regions(
    file: Path, data: Bytes, memory: Tags, base: int, size: int, gaps: list[ImageError]
) -> Iterator[Segment]:
    """Places of guest memory; without regions it lies as it is addressed."""
    count = _value(data, memory, "regionsCount") or 0
    if not count:
        yield Segment(0, size, base)
        return
    for number in range(min(count, _MOST_GROUPS)):
        names = ("regionPPN", "regionPageNum", "regionSize")
        ppn, page, pages = (_value(data, memory, name, number) for name in names)
        if ppn is None or page is None or pages is None or ppn + pages > 1 << 40:
            gaps.append(
                ImageError(file, f"region {number}", expected="three numbers", got="not all")
            )
            continue
        start, wanted = page << PAGE_SHIFT, pages << PAGE_SHIFT
        there = max(min(wanted, size - start), 0)
        if there < wanted:
            gaps.append(
                ImageError(
                    file,
                    f"region {number}",
                    expected=f"{wanted:#x} bytes of memory at offset {start:#x}",
                    got=f"the end of the memory at {size:#x}",
                    hint="the .vmem file is truncated, or belongs to another snapshot",
                )
            )
        if there:
            yield Segment(ppn << PAGE_SHIFT, there, base + start)


class _Names(NamedTuple):
    """Tags of one width's registers."""

    control: str
    rip: str
    rsp: str


_WIDE: Final = _Names("CR64", "rip", "RSP")
_NARROW: Final = _Names("CR", "eip", "ESP")


def _vcpus(data: Bytes, tags: Tags) -> Iterator[Registers]:
    """Every vCPU whose CR0, CR3 and CR4 are there."""
    for index in range(8192):
        names = _WIDE if ("CR64", (index, 3)) in tags else _NARROW
        cr0, cr3, cr4 = (_value(data, tags, names.control, index, n) for n in (0, 3, 4))
        if cr0 is None or cr3 is None or cr4 is None:
            return
        efer = _value(data, tags, "EFER", index)
        known = efer is not None
        if efer is None:
            efer = 0
            if cr0 & _CR0_PG and cr4 & _CR4_PAE:
                long_mode = names is _WIDE and (_value(data, tags, "rip", index) or 0) >> 32
                efer = _EFER_NXE | (_EFER_LONG if long_mode or cr3 >> 32 else 0)
        yield Registers(
            index=index,
            cr0=cr0,
            cr2=_value(data, tags, names.control, index, 2) or 0,
            cr3=cr3,
            cr4=cr4,
            efer=efer,
            efer_known=known,
            rip=_value(data, tags, names.rip, index) or 0,
            rsp=_value(data, tags, names.rsp, index) or 0,
            rflags=2,
            cpl=0,
            gs_base=0,
        )

"""A walk as JSON."""

from __future__ import annotations

from xenexplore.addr import PAGE_SHIFT
from xenexplore.memory.image import ImageSpace
from xenexplore.paging.absent_entries import absent_entry
from xenexplore.paging.access import WalkEnd
from xenexplore.paging.image_state import LINUX_PKRU, depends_on_pkru
from xenexplore.paging.image_target import ImageTarget
from xenexplore.paging.permissions import walk_permissions
from xenexplore.paging.plan import Mode
from xenexplore.paging.rights import key_denies
from xenexplore.paging.walk_record import Level, Walk

__all__ = ["walk_json"]


def walk_json(one: Walk, target: ImageTarget) -> dict[str, object]:
    """A walk as JSON: addresses and entries as hex strings.

    The place found is ``gpa``, or in tables that hold machine frames ``maddr``
    and ``mfn`` (and ``pfn``, where the image has the guest's own number).
    """
    record: dict[str, object] = {"linear": one.linear.hex(), **_place(one, target)}
    record |= {
        "page_size": one.page_size,
        "permissions": walk_permissions(one),
        "error_code": None if one.end is WalkEnd.NO_TABLE else one.error_code,
        "reason": None if one.ok else one.end.value,
        "failed_level": one.failed_level,
        "levels": [_level(level, one, target) for level in one.levels],
        "assumed": [assumption.value for assumption in target.known.assumed],
    }
    if depends_on_pkru(one, target.known):
        key = one.entries[-1] >> 59 & 15
        denied = key_denies(LINUX_PKRU, key, one.access.pfec, target.state.cr0)
        record["depends_on"] = {"pkru": {"key": key, "linux_default_denies": denied}}
    return record


def _place(one: Walk, target: ImageTarget) -> dict[str, object]:
    """The address, under the name of its address space."""
    if target.space is ImageSpace.GUEST:
        return {"gpa": None if one.gpa is None else one.gpa.hex()}
    if one.gpa_value is None:
        return {"maddr": None, "mfn": None}
    mfn = one.gpa_value >> PAGE_SHIFT
    place: dict[str, object] = {"maddr": f"{one.gpa_value:#x}", "mfn": f"{mfn:#x}"}
    if target.image.has_pfns:
        pfn = target.image.pfn(mfn)
        place["pfn"] = None if pfn is None else f"{pfn:#x}"
    return place


def _level(level: Level, one: Walk, target: ImageTarget) -> dict[str, object]:
    record: dict[str, object] = {
        "level": level.number,
        "table": level.table.hex(),
        "index": level.index,
        "entry_at": level.entry_at.hex(),
        "entry": f"{level.entry:#x}",
        "flags": level.flags,
    }
    if target.os is not None and one.state.mode in (Mode.LEVEL4, Mode.LEVEL5):
        kept = absent_entry(target.os, level.entry)
        if kept is not None:
            fields = ("number", "offset", "frame", "address", "protection")
            held = {name: getattr(kept, name) for name in fields}
            record["kept"] = {"os": kept.os.value, "kind": kept.kind.value} | {
                name: value for name, value in held.items() if value is not None
            }
    return record

"""One walk as text: a line per level, and how it ended."""

from __future__ import annotations

from xenexplore.addr import PAGE_SHIFT
from xenexplore.memory.image import ImageSpace
from xenexplore.paging.absent_entries import absent_entry
from xenexplore.paging.access import (
    PFEC_FETCH,
    PFEC_PRESENT,
    PFEC_PROT_KEY,
    PFEC_RESERVED,
    PFEC_USER,
    PFEC_WRITE,
    WalkEnd,
)
from xenexplore.paging.image_state import LINUX_PKRU, ImageState, depends_on_pkru
from xenexplore.paging.image_target import ImageTarget
from xenexplore.paging.permissions import walk_permissions
from xenexplore.paging.plan import Mode
from xenexplore.paging.rights import key_denies
from xenexplore.paging.walk_record import Level, Walk
from xenexplore.render.text.absent import absent_text
from xenexplore.render.text.image import size_text
from xenexplore.render.text.table import WIDTH, paragraph
from xenexplore.render.views.walk_sheet import end_lookup, lookup_words

__all__ = ["error_code_text", "walk_text"]

_CODE_BITS = (
    ("P", PFEC_PRESENT),
    ("W", PFEC_WRITE),
    ("U", PFEC_USER),
    ("RSVD", PFEC_RESERVED),
    ("I", PFEC_FETCH),
    ("PK", PFEC_PROT_KEY),
)


def error_code_text(code: int) -> str:
    """A page-fault error code with its bits by name: ``0x3 (P W)``."""
    names = [name for name, bit in _CODE_BITS if code & bit]
    return f"{code:#x}" + (f" ({' '.join(names)})" if names else "")


def walk_text(one: Walk, target: ImageTarget | None = None) -> str:
    """A walk at 72 columns, ASCII, ending in a newline.

    Args:
        one: the walk.
        target: the image that it went through, if it did: what is known of it decides
            the words for frames, absent entries and protection keys.
    """
    space = ImageSpace.GUEST if target is None else target.space
    lines = [f"linear {one.linear}"]
    levels = one.levels
    if levels:
        places = max(len(f"{level.entry_at.value:x}") for level in levels)
        places = max(places, len("entry at"))
        digits = one.state.plan.entry_size * 2
        lines.append(f"  level  index  {'entry at':>{places}}  {'entry':>{digits}}  flags")
        for level in levels:
            lines += _level(level, places, digits)
            lines += _kept(level, one, target)
    elif one.ok:
        lines.append("  paging is off: linear addresses are guest-physical")
    if one.gpa is not None and one.page_size is not None:
        where = f"  {space.value:<5}  {one.gpa}"
        page = f", {size_text(one.page_size)} page, {walk_permissions(one)}"
        lines.append(where + (page if levels else ""))
        if target is not None and space is ImageSpace.MACHINE:
            lines.append(_frame(one.gpa.value >> PAGE_SHIFT, target))
        lookup = end_lookup(one)
        if lookup is not None:
            lines.append(f"  P2M    {lookup_words(lookup)}")
    elif one.end is not WalkEnd.NO_TABLE:
        lines += _failure(one)
    if target is not None and depends_on_pkru(one, target.known):
        lines += _open_verdict(one, target.known)
    return "\n".join(lines) + "\n"


def _level(level: Level, places: int, digits: int) -> list[str]:
    """A level's line; its flags go on below themselves where they pass 72 columns."""
    lead = (
        f"  {level.number:>5}  {level.index:>5}  {level.entry_at.value:>{places}x}"
        f"  {level.entry:0{digits}x}  "
    )
    if len(lead) + len(level.flags) <= WIDTH:
        return [lead + level.flags]
    lines, line = [], lead
    for word in level.flags.split():
        if len(line) + len(word) > WIDTH:
            lines.append(line.rstrip())
            line = " " * len(lead)
        line += word + " "
    return [*lines, line.rstrip()]


def _kept(level: Level, one: Walk, target: ImageTarget | None) -> list[str]:
    """Contents that the kernel keeps in an entry that is not present."""
    if target is None or target.os is None or one.state.mode not in (Mode.LEVEL4, Mode.LEVEL5):
        return []
    kept = absent_entry(target.os, level.entry)
    return [] if kept is None else paragraph(absent_text(kept), indent=9, hanging=2)


def _frame(mfn: int, target: ImageTarget) -> str:
    """A machine frame, and the PV guest's own number of it."""
    pfn = target.image.pfn(mfn)
    return f"  mfn    {mfn:x}" + ("" if pfn is None else f", pfn {pfn:x}")


def _open_verdict(one: Walk, known: ImageState) -> list[str]:
    """Verdict that depends on PKRU while its value is not known."""
    key = one.entries[-1] >> 59 & 15
    denies = key_denies(LINUX_PKRU, key, one.access.pfec, known.state.cr0)
    text = f"protection key {key}: data accesses depend on PKRU (Linux's default"
    return paragraph(f"{text} {'denies' if denies else 'permits'}); set it with --pkru", 2, 2)


def _failure(one: Walk) -> list[str]:
    """Fault, place and reason; and the page that was found but may not be used so."""
    fault = one.fault
    assert fault is not None
    lines = []
    rights = walk_permissions(one)
    if rights is not None:
        size = 1 << one.state.plan.page_shifts[len(one.entries) - 1]
        lines.append(f"  found  {size_text(size)} page, {rights}; denied: {one.access}")
    what = str(fault.what)
    if fault.error_code is not None:
        what += f", error code {error_code_text(fault.error_code)}"
    at = f" at level {fault.level}" if fault.level else ""
    return lines + paragraph(f"{what}{at}: {fault.reason}", indent=2, hanging=2)

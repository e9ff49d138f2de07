"""An image's headline, and sizes as text."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from xenexplore.paging.assumption import Assumption
from xenexplore.paging.image_state import ImageState
from xenexplore.paging.image_target import MODE_NAMES, ImageTarget
from xenexplore.render.text.table import WIDTH, fit, grouped, listed, paragraph

__all__ = ["amount_text", "size_text", "target_text"]

_UNITS: Final = ((40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB"), (0, "B"))


def size_text(size: int) -> str:
    """Bytes in the largest unit that divides them: ``4 KiB``, ``2 MiB``."""
    shift, unit = next(u for u in _UNITS if (not size % (1 << u[0]) and size >> u[0]) or not u[0])
    return f"{size >> shift} {unit}"


def amount_text(size: int) -> str:
    """Bytes in KiB, MiB or GiB, to two decimals."""
    shift, unit = next(u for u in _UNITS if size >> u[0] or not u[0])
    return f"{size / (1 << shift):.2f}".rstrip("0").rstrip(".") + f" {unit}"


def target_text(target: ImageTarget) -> str:
    """Target of the walk: file, page tables, assumptions; ends in a newline.

    Then what was passed over in the file, and what is missing from it.
    """
    image, known, vcpu = target.image, target.known, target.vcpu
    count = len(image.vcpus)
    vcpus = {0: "no registers", 1: "1 vCPU"}.get(count, f"{count} vCPUs")
    facts = [f"{image.kind.value} of {amount_text(image.ram_bytes)}", vcpus]
    room = WIDTH - len(f"Image:  , {', '.join(facts)}")
    lines = [f"Image:  {', '.join([fit(Path(image.name).name, room), *facts])}"]
    state = known.state
    cr3 = f"CR3 {state.cr3:#x}"
    clues = image.clues
    if vcpu is None and clues is not None and state.cr3 == clues.cr3:
        cr3 += f" ({clues.source})"
    facts = [MODE_NAMES[state.mode], cr3]
    if state.c_bit is not None:
        facts.append(f"C-bit {state.c_bit}")
    lines += listed("Tables:" if vcpu is None else f"vCPU {vcpu}:", facts)
    if known.assumed:
        lines += listed("Assumed:", [_assumed(one, known) for one in known.assumed])
    for why, parts, size in image.skipped:
        lines += paragraph(
            f"Skipped: {grouped(parts)} part{'s' if parts > 1 else ''}, {amount_text(size)}:"
            f" {why.value}",
            hanging=2,
        )
    for gap in image.gaps:
        lines += paragraph(f"Missing: {gap}", hanging=2)
    return "\n".join(lines) + "\n"


def _assumed(one: Assumption, known: ImageState) -> str:
    """Assumptions, with the value that was taken."""
    if one is Assumption.MODE:
        return MODE_NAMES[known.state.mode]
    if one is Assumption.C_BIT:
        return f"C-bit {known.state.c_bit} (the image has CR3 without it)"
    return str(one.value)

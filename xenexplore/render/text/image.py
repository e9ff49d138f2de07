"""An image's headline, and sizes as text."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from xenexplore.memory.image import Image
from xenexplore.paging.image_target import MODE_NAMES, ImageTarget
from xenexplore.paging.state import PagingState
from xenexplore.render.text.table import WIDTH, fit, listed

__all__ = ["amount_text", "image_header", "size_text", "target_text"]

_UNITS: Final = ((40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB"), (0, "B"))


def size_text(size: int) -> str:
    """Bytes in the largest unit that divides them: ``4 KiB``, ``2 MiB``."""
    shift, unit = next(u for u in _UNITS if (not size % (1 << u[0]) and size >> u[0]) or not u[0])
    return f"{size >> shift} {unit}"


def amount_text(size: int) -> str:
    """Bytes in KiB, MiB or GiB, to two decimals."""
    shift, unit = next(u for u in _UNITS if size >> u[0] or not u[0])
    return f"{size / (1 << shift):.2f}".rstrip("0").rstrip(".") + f" {unit}"


def image_header(image: Image, state: PagingState, vcpu: int | None, assumed: str) -> str:
    """What was opened and which page tables are looked at, ending in a newline."""
    count = len(image.vcpus)
    vcpus = {0: "no registers", 1: "1 vCPU"}.get(count, f"{count} vCPUs")
    facts = [f"{image.kind.value} of {amount_text(image.ram_bytes)}", vcpus]
    room = WIDTH - len(f"Image:  , {', '.join(facts)}")
    lines = [f"Image:  {', '.join([fit(Path(image.name).name, room), *facts])}"]
    facts = [MODE_NAMES[state.mode], f"CR3 {state.cr3:#x}"]
    if vcpu is None:
        facts.append(f"assumed: {assumed}")
    lines += listed("Tables:" if vcpu is None else f"vCPU {vcpu}:", facts)
    return "\n".join(lines) + "\n"


def target_text(target: ImageTarget) -> str:
    """The headline of an opened image."""
    return image_header(target.image, target.state, target.vcpu, target.assumed)

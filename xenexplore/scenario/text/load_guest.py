"""Load the table ``[guest]``."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from xenexplore.errors import MachineError
from xenexplore.guest.kernel_names import kernel_names
from xenexplore.guest.spec import (
    DUMPED_KERNEL,
    ENCRYPTIONS,
    GUEST_TYPES,
    MAX_VCPUS,
    PAGING_KINDS,
    GuestSpec,
)
from xenexplore.memory.p2m import P2M_ORDERS, P2M_SIZES
from xenexplore.scenario.text.fields import Fields
from xenexplore.scenario.text.load_image import read_image
from xenexplore.scenario.text.vocabulary import default_of

__all__ = ["parse_size", "read_guest"]

_SIZE = re.compile(r"([0-9]+) ?([KMG])(?:iB)?")
_SHIFT = {"K": 10, "M": 20, "G": 30}


def read_guest(fields: Fields, folder: str = "") -> GuestSpec:
    """The table ``[guest]``; relative names of files in it begin at ``folder``."""
    image = read_image(fields, folder)
    default = partial(default_of, GuestSpec)
    given: dict[str, Any] = {
        "type": fields.word("type", default("type"), GUEST_TYPES),
        "kernel": DUMPED_KERNEL
        if image
        else fields.word("kernel", default("kernel"), kernel_names()),
        "memory": _memory(fields),
        "vcpus": fields.number("vcpus", default("vcpus"), low=1, high=MAX_VCPUS),
        "encryption": fields.word("encryption", default("encryption"), ENCRYPTIONS),
        "p2m_order": P2M_ORDERS[fields.word("p2m", P2M_SIZES[default("p2m_order")], P2M_ORDERS)],
        "la57": fields.flag("la57", default("la57")),
        "gib_pages": fields.flag("gib_pages", default("gib_pages")),
        "smap": fields.flag("smap", default("smap")),
        "pti": fields.flag("pti", default("pti")),
        "paging": fields.word("paging", default("paging"), PAGING_KINDS),
        "seed": fields.number("seed", default("seed"), high=(1 << 63) - 1),
        "image": image,
    }
    fields.finish()
    try:
        return GuestSpec(**given)
    except MachineError as error:
        fields.fail("", expected="a guest that can be built", got=str(error))


def _memory(fields: Fields) -> int:
    value = fields.raw("memory")
    if value is None:
        return int(default_of(GuestSpec, "memory"))
    found = parse_size(value)
    if found is None:
        fields.fail("memory", expected='a size, e.g. "768M" or "4G"', got=repr(value))
    return found


def parse_size(value: object) -> int | None:
    """A size in bytes: a number, ``"768M"``, ``"768 MiB"``, ``"4G"``; None where it is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    found = _SIZE.fullmatch(value) if isinstance(value, str) else None
    return int(found[1]) << _SHIFT[found[2]] if found else None

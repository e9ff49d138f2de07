"""Page tables of a memory image or of a modelled guest: one walk, or the whole address space."""

from __future__ import annotations

from os import PathLike
from typing import Literal, TypeAlias

from xenexplore.addr import Gva, parse_address
from xenexplore.errors import MachineError
from xenexplore.guest.domain import Domain
from xenexplore.paging.access import READ, Access
from xenexplore.paging.batch.address_space import AddressSpace, map_target
from xenexplore.paging.image_target import ImageTarget, open_target
from xenexplore.paging.walk import walk as walk_tables
from xenexplore.paging.walk_record import Walk

__all__ = ["map_image", "walk"]

ImageFile: TypeAlias = "str | PathLike[str]"


def walk(
    where: ImageTarget | ImageFile | Domain,
    address: int | str | Gva,
    access: Access | None = None,
    *,
    by: Literal["cpu", "xen"] = "cpu",
    vcpu: int = 0,
) -> Walk:
    """Translate a linear address, recording every page-table entry on the way.

    A page fault is a result, not an error: the walk gives the reason.

    Args:
        where: an opened image (``xe.open_image``) or its file; or a guest, whose tables are walked
            by Xen or by a CPU.
        address: linear address: a number, or text in hex.
        access: the access whose rights are checked, e.g. ``xe.WRITE``. None: for an image only the
            translation; for a guest ``xe.READ``.
        by: a guest's CPU, or Xen, which finds each table through the P2M (a guest only).
        vcpu: the vCPU whose registers are used (for a guest; an image's are chosen on opening).

    Raises:
        AddressError: not a linear address of this paging mode.
        ImageError: the page tables lead out of the image; or it cannot be opened.
        MachineError: ``by="xen"`` with an image.

    >>> from xenexplore.guest.domain import Domain
    >>> from xenexplore.guest.spec import GuestSpec
    >>> guest = Domain(GuestSpec())
    >>> buffer = guest.place("buffer", "stack", 48)
    >>> walk(guest, buffer.va).gpa == guest.truth(buffer.va, 48)[0][0]
    True
    """
    if isinstance(where, Domain):
        linear = parse_address(address, Gva) if isinstance(address, str) else address
        memory = where.memory.hypervisor if by == "xen" else where.memory.guest
        return walk_tables(memory, where.paging_state(vcpu), linear, access or READ)
    if by != "cpu":
        raise MachineError(f"an image has no P2M: expected by='cpu', not {by!r}")
    target = where if isinstance(where, ImageTarget) else open_target(where)
    return target.walk(address, access)


def map_image(image: ImageTarget | ImageFile, *, physical: bool = False) -> AddressSpace:
    """A whole address space as runs of pages of equal size and rights.

    Args:
        image: an opened image (``xe.open_image``), or its file.
        physical: join only pages that are also physically contiguous.

    Raises:
        ImageError: the page tables lead out of the image; or it cannot be opened.
        MachineError: paging is off, or the runs are too many to list.
        OSError: the file cannot be read.
    """
    target = image if isinstance(image, ImageTarget) else open_target(image)
    return map_target(target, physical=physical)

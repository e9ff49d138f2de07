"""A memory image as a guest: hypercalls with buffers at any address that its own tables map.

The image's memory, page tables and registers are those of the guest.  What an image
does not say is refused, or told by the caller: free memory for what a design places
in the guest (``spare``), where the directmap is.  Nothing is written to the file.
"""

from __future__ import annotations

from xenexplore.guest.domain import Domain
from xenexplore.guest.image_pages import ImagePages
from xenexplore.guest.image_running import ImageRunning
from xenexplore.guest.pages import Pages
from xenexplore.guest.running import Running
from xenexplore.guest.spec import GuestSpec

__all__ = ["image_domain"]


def image_domain(spec: GuestSpec, *, release: str = "4.17") -> Domain:
    """The guest that is a memory image.

    Each vCPU is in a process of its own, ``"vcpu0"`` and so on, whose tables are those in
    its CR3; a hypercall is made at ring 0 wherever the vCPU was when the image was
    taken.  Buffers are given by address (kind ``fixed``) and keep the bytes that are there
    unless they are given contents; what needs other memory takes it from the spare pages.

    Args:
        spec: with an ``image``.
        release: the release of Xen that it runs on.

    Raises:
        ImageError: the image cannot be read, or does not say where its page tables are.
        MachineError: it is not an image of a 64-bit guest of this type, or what the spec says
            of it is not so.
        OSError: the file cannot be opened.
    """
    return Domain(spec, release=release, parts=_found)


def _found(spec: GuestSpec) -> tuple[Running, Pages]:
    running = ImageRunning(spec)
    return running, ImagePages(running)

"""O6: netlink-like packets.  Sketched in two mails, never specified; nothing is invented here."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from xenexplore.hypervisor.design import Design
from xenexplore.hypervisor.replay_model import ReplayModel, Unspecified
from xenexplore.steps import Cite, mail

if TYPE_CHECKING:
    from xenexplore.hypervisor.xen import Xen

__all__ = ["Packets"]


class Packets(Design):
    """The part that is known: type-length-value packets, possibly over a shared ring."""

    ident: ClassVar[str] = "O6"
    name: ClassVar[str] = "packets"
    title: ClassVar[str] = "Type-length-value packets, netlink-like (not specified)"
    summary: ClassVar[str] = (
        "Smith's idea of 2022: free-form packets of type, length and value instead of versioned "
        "structs, tolerant of unknown elements, with asynchronous completion and batching, and "
        "possibly a shared ring. It did not go beyond two mails, so it cannot be stepped "
        "through."
    )
    asked: ClassVar[Cite] = mail(
        "Smith", "28 Sep 2022", "9340769a-d3cf-a7bb-f8f4-dc9bde463c02@gmail.com"
    )
    specified: ClassVar[bool] = False
    replay: ClassVar[type[ReplayModel]] = Unspecified

    def refuses(self, xen: Xen) -> str:
        return "never specified: two mails sketch it, and nothing is invented here"

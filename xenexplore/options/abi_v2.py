"""O5: a clean interface from hypercall 64 upwards.  Never specified; nothing is invented here."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from xenexplore.hypervisor.design import Design
from xenexplore.hypervisor.replay_model import ReplayModel, Unspecified
from xenexplore.steps import Cite, mail

if TYPE_CHECKING:
    from xenexplore.hypervisor.xen import Xen

__all__ = ["AbiV2"]


class AbiV2(Design):
    """The part that is known: its goals.  Its registers and structs were never published."""

    ident: ClassVar[str] = "O5"
    name: ClassVar[str] = "abi-v2"
    title: ClassVar[str] = "A second ABI, starting at hypercall number 64 (not specified)"
    summary: ClassVar[str] = (
        "Cooper's 2022 plan: a clean interface rather than the old calls with a new convention, "
        "with no hypercall page, reworked continuations, and operations split so that a kernel "
        'can delegate mere "logical control" to user space. No specification was published, '
        "so it cannot be stepped through."
    )
    asked: ClassVar[Cite] = mail(
        "Cooper", "28 Sep 2022", "850214fa-7e26-8a19-c318-9ded849fffda@citrix.com"
    )
    specified: ClassVar[bool] = False
    replay: ClassVar[type[ReplayModel]] = Unspecified

    def refuses(self, xen: Xen) -> str:
        return "never specified: no text of ABI v2 was published, and nothing is invented here"

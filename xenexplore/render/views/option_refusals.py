"""An option as a page: which guests it refuses, asked of the option itself."""

from __future__ import annotations

from functools import lru_cache

from xenexplore.guest.domain import Domain
from xenexplore.guest.spec import GuestSpec
from xenexplore.hypervisor.design import Design
from xenexplore.hypervisor.xen import Xen

__all__ = ["refusals_of"]

_MEMORY = 96 << 20
_GUESTS = (
    ("PVH or HVM guest", GuestSpec(memory=_MEMORY)),
    ("PV guest", GuestSpec(memory=_MEMORY, type="pv")),
    ("encrypted guest", GuestSpec(memory=_MEMORY, encryption="sev")),
    ("kernel with no directmap", GuestSpec(memory=_MEMORY, kernel="no-directmap")),
    ("guest with shadow paging", GuestSpec(memory=_MEMORY, paging="shadow")),
)


def refusals_of(option: type[Design]) -> tuple[tuple[str, str], ...]:
    """The guests that an option refuses with its default parameters: ``(guest, reason)``.

    Real guests are built and the option is asked about each.
    """
    reasons = [(name, option().refuses(Xen(domain, option()))) for name, domain in _domains()]
    if all(reason == reasons[0][1] for _, reason in reasons):
        return (("every guest", reasons[0][1]),) if reasons[0][1] else ()
    return tuple((name, reason) for name, reason in reasons if reason)


@lru_cache(maxsize=1)
def _domains() -> tuple[tuple[str, Domain], ...]:
    """One guest of each kind; asking changes none of them."""
    return tuple((name, Domain(spec)) for name, spec in _GUESTS)

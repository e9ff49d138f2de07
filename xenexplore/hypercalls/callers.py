"""Kinds of callers: they decide a hypercall's guards before its arguments do.

The catalogue's plans distinguish handlers (``hvm``, ``pv``, ``arm``); Xen's guards
also ask what kind of domain calls.  Each answer is a fact by name, which plans
read like any other name.  Where none is given (a recording), a fact is unknown, and
what depends on it depends on Xen's state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

__all__ = ["CALLERS", "FACTS", "FACT_WORDS", "Caller", "caller_of"]

FACTS: Mapping[str, str] = MappingProxyType(
    {
        "pirqs": "has_pirq() (asm-x86/domain.h): emulated PIRQs, of HVM domains only",
        "hardware": "is_hardware_domain() (xen/include/xen/sched.h)",
        "control": "is_control_domain() (xen/include/xen/sched.h): the condition of XSM_PRIV in "
        "the default policy (xsm_default_action(), xen/include/xsm/dummy.h)",
        "vcpus": "d->max_vcpus (xen/include/xen/sched.h)",
        "current": "current->vcpu_id: the calling vCPU",
    }
)
"""Facts about the caller that plans may read, and what they are in Xen."""


FACT_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "pirqs": "the domain has emulated PIRQs",
        "hardware": "the caller is the hardware domain",
        "control": "the caller is the control domain",
    }
)
"""The wording of a test of a fact; the others are numbers, shown as they are."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A kind of domain that makes hypercalls.

    Attributes:
        name: as the command line spells it.
        handlers: whose handlers, registers and layouts apply: a guest of the catalogue.
        title: for readers.
        facts: what is known of it, by name; see :data:`FACTS`.
    """

    name: str
    handlers: str
    title: str
    facts: Mapping[str, int] = field(default_factory=dict, hash=False)


# emulation_flags_ok() (xen/arch/x86/domain.c): an HVM domain emulates everything but vPCI, so
# PIRQs too, or the local APIC alone (PVH); the hardware domain local APIC, I/O APIC and vPCI.
CALLERS: Mapping[str, Caller] = MappingProxyType(
    {
        one.name: one
        for one in (
            Caller("hvm", "hvm", "HVM", {"pirqs": 1, "hardware": 0, "control": 0}),
            Caller("pvh", "hvm", "PVH", {"pirqs": 0, "hardware": 0, "control": 0}),
            Caller("pvh-dom0", "hvm", "PVH dom0", {"pirqs": 0, "hardware": 1, "control": 1}),
            Caller("pv", "pv", "PV", {"hardware": 0, "control": 0}),
            Caller("pv-dom0", "pv", "PV dom0", {"hardware": 1, "control": 1}),
            Caller("arm", "arm", "Arm64"),
        )
    }
)
"""Every kind of caller that the command line can show a plan for."""


def caller_of(guest: str | Caller) -> Caller:
    """A caller; a guest of the catalogue (``"hvm"``, ...) is a caller with no known facts."""
    return guest if isinstance(guest, Caller) else Caller(guest, guest, guest)

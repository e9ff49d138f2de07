"""An access to translate, and the possible results of a translation."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from xenexplore.errors import MachineError

__all__ = [
    "FETCH",
    "IMPLICIT_READ",
    "IMPLICIT_WRITE",
    "PFEC_FETCH",
    "PFEC_IMPLICIT",
    "PFEC_PAGED",
    "PFEC_PRESENT",
    "PFEC_PROT_KEY",
    "PFEC_RESERVED",
    "PFEC_SHARED",
    "PFEC_USER",
    "PFEC_WRITE",
    "READ",
    "USER_FETCH",
    "USER_READ",
    "USER_WRITE",
    "WRITE",
    "Access",
    "WalkEnd",
]

# Page-fault error code bits; from bit 16 on they are Xen's own (PFEC_*,
# xen/arch/x86/include/asm/processor.h).
PFEC_PRESENT = 1 << 0
PFEC_WRITE = 1 << 1
PFEC_USER = 1 << 2
PFEC_RESERVED = 1 << 3
PFEC_FETCH = 1 << 4
PFEC_PROT_KEY = 1 << 5
PFEC_PAGED = 1 << 16
PFEC_SHARED = 1 << 17
PFEC_IMPLICIT = 1 << 18


@dataclass(frozen=True, slots=True, init=False)
class Access:
    """Kind of access that a translation is made for.

    Attributes:
        pfec: the request as the error-code bits that Xen passes to
            paging_gva_to_gfn(), without PFEC_page_present.

    Args:
        write: a write.
        fetch: an instruction fetch.
        user: a user-mode access (CPL 3, and not implicit).
        implicit: an implicit supervisor access (descriptor tables, TSS): SMAP
            applies to it whatever EFLAGS.AC says, at any CPL.

    Raises:
        MachineError: a fetch that writes, or an implicit access that is a user access or a fetch
            (guest_walk_tables() asserts that there is none).
    """

    pfec: int

    def __init__(
        self,
        *,
        write: bool = False,
        fetch: bool = False,
        user: bool = False,
        implicit: bool = False,
    ) -> None:
        if fetch and write:
            raise MachineError("an instruction fetch does not write")
        if implicit and (user or fetch):
            raise MachineError("an implicit access is a supervisor's, and of data")
        pfec = (
            (PFEC_WRITE if write else 0)
            | (PFEC_USER if user else 0)
            | (PFEC_FETCH if fetch else 0)
            | (PFEC_IMPLICIT if implicit else 0)
        )
        object.__setattr__(self, "pfec", pfec)

    @property
    def write(self) -> bool:
        """Whether it writes."""
        return bool(self.pfec & PFEC_WRITE)

    @property
    def fetch(self) -> bool:
        """Whether it fetches an instruction."""
        return bool(self.pfec & PFEC_FETCH)

    @property
    def user(self) -> bool:
        """Whether it is made in user mode."""
        return bool(self.pfec & PFEC_USER)

    @property
    def implicit(self) -> bool:
        """Whether it is an implicit supervisor access."""
        return bool(self.pfec & PFEC_IMPLICIT)

    def __str__(self) -> str:
        who = "user" if self.user else "implicit supervisor" if self.implicit else "supervisor"
        what = "write" if self.write else "fetch" if self.fetch else "read"
        return f"{who} {what}"


READ = Access()
WRITE = Access(write=True)
FETCH = Access(fetch=True)
USER_READ = Access(user=True)
USER_WRITE = Access(user=True, write=True)
USER_FETCH = Access(user=True, fetch=True)
IMPLICIT_READ = Access(implicit=True)
IMPLICIT_WRITE = Access(implicit=True, write=True)


class WalkEnd(enum.Enum):
    """Result of a walk; the value is its description."""

    OK = "translated"
    NOT_CANONICAL = "the linear address is not canonical"
    NOT_PRESENT = "entry not present"
    RESERVED = "reserved bit set in an entry"
    NO_TABLE = "no RAM behind the table's frame"
    PAGED = "frame paged out"
    SHARED = "frame shared, and no memory to unshare it"
    PROTECTION_KEY = "the page's protection key forbids the access"
    NO_EXECUTE = "fetch from a no-execute page"
    SUPERVISOR_PAGE = "user access to a supervisor page"
    READ_ONLY = "write to a read-only page"
    SMEP = "supervisor fetch from a user page (SMEP)"
    SMAP = "supervisor access to a user page (SMAP)"

    @property
    def ok(self) -> bool:
        """Whether the address was translated."""
        return self is WalkEnd.OK

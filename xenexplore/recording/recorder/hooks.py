"""Hooked functions of Xen, and their addresses from its symbol file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from xenexplore.errors import RecorderError

__all__ = ["FUNCTIONS", "HOOKS", "Hook", "Hooks", "read_hooks"]


@dataclass(frozen=True, slots=True)
class Hook:
    """One hooked function of Xen.

    Attributes:
        kind: the plugin's word for what is done there.
        file: where it is, below ``xen/``.
        reads: what is read of the CPU or of Xen's memory, at entry or at return.
    """

    kind: str
    file: str
    reads: str


_COPY_TO = "entry: RDI guest address, EDX bytes; return: instructions since"
_COPY_FROM = "entry: RSI guest address, EDX bytes; return: instructions since"
_CLEAR = "entry: RDI guest address, ESI bytes; return: instructions since"
_REGISTERS = "entry: RDI struct cpu_user_regs (number, arguments, RIP, RSP); current; return"
_WALK = "entry: RDI vCPU, RDX guest CR3, RCX address; return: RAX gfn"
_TABLES = "entry: RCX walk_t; return: its entries, which give the page size"
# The names are those of 4.17 to 4.20.
HOOKS: Mapping[str, Hook] = {
    "hvm_hypercall": Hook("hvm", "arch/x86/hvm/hypercall.c", _REGISTERS),
    "pv_hypercall": Hook("pv", "arch/x86/pv/hypercall.c", _REGISTERS),
    "copy_to_user_hvm": Hook("Hto", "arch/x86/hvm/hvm.c", _COPY_TO),
    "copy_from_user_hvm": Hook("Hfrom", "arch/x86/hvm/hvm.c", _COPY_FROM),
    "clear_user_hvm": Hook("Hclr", "arch/x86/hvm/hvm.c", _CLEAR),
    "copy_to_guest_pv": Hook("to", "arch/x86/usercopy.c", _COPY_TO),
    "copy_from_guest_pv": Hook("from", "arch/x86/usercopy.c", _COPY_FROM),
    "copy_to_guest_ll": Hook("to", "arch/x86/usercopy.c", _COPY_TO),
    "copy_from_guest_ll": Hook("from", "arch/x86/usercopy.c", _COPY_FROM),
    "clear_guest_pv": Hook("clr", "arch/x86/usercopy.c", _CLEAR),
    "paging_gva_to_gfn": Hook("gva", "arch/x86/mm/paging.c", "return: instructions since entry"),
    "hap_p2m_ga_to_gfn_2_levels": Hook("walk", "arch/x86/mm/hap/guest_walk.c", _WALK),
    "hap_p2m_ga_to_gfn_3_levels": Hook("walk", "arch/x86/mm/hap/guest_walk.c", _WALK),
    "hap_p2m_ga_to_gfn_4_levels": Hook("walk", "arch/x86/mm/hap/guest_walk.c", _WALK),
    "guest_walk_tables_4_levels": Hook("tables4", "arch/x86/mm/guest_walk.c", _TABLES),
    "guest_walk_tables_3_levels": Hook("tables3", "arch/x86/mm/guest_walk.c", _TABLES),
    "p2m_get_page_from_gfn": Hook("p2m", "arch/x86/mm/p2m.c", "return: instructions since entry"),
    "map_domain_page": Hook("map", "arch/x86/domain_page.c", "return: instructions since entry"),
    "memcpy": Hook("memcpy", "arch/x86/string.c", "return: instructions since entry"),
    "context_switch": Hook("switch", "arch/x86/domain.c", "entry: counted"),
    "do_IRQ": Hook("irq", "arch/x86/irq.c", "entry: counted"),
    "svm_get_insn_len": Hook(
        "decode", "arch/x86/hvm/svm/emulate.c", "return: instructions since entry"
    ),
    "hardware_domain": Hook("dom0", "common/domain.c", "a variable: identifies dom0"),
}
FUNCTIONS: Mapping[str, str] = {name: hook.kind for name, hook in HOOKS.items()}
"""Function to the plugin's kind of hook."""

# Without these there is no recording.  The rest is inlined or left out by some builds.
_NEEDED = ("hvm_hypercall", "pv_hypercall", "copy_to_user_hvm", "copy_from_user_hvm",
           "hap_p2m_ga_to_gfn_4_levels", "guest_walk_tables_4_levels", "paging_gva_to_gfn",
           "context_switch", "hardware_domain")  # fmt: skip
_COPIES = ({"copy_to_guest_pv", "copy_to_guest_ll"}, {"copy_from_guest_pv", "copy_from_guest_ll"})


@dataclass(frozen=True, slots=True)
class Hooks:
    """Hooked functions of one build of Xen.

    Attributes:
        at: name to address in Xen's address space.
        symbols: ``sha256:`` and the hash of the symbol file.
    """

    at: Mapping[str, int]
    symbols: str

    @property
    def text(self) -> str:
        """Text that the plugin reads: ``ADDRESS KIND`` lines."""
        return "".join(f"{at:x} {FUNCTIONS[name]}\n" for name, at in sorted(self.at.items()))

    @property
    def decodes(self) -> bool:
        """Whether the software decoding of VMMCALL is counted."""
        return "svm_get_insn_len" in self.at


def read_hooks(path: Path) -> Hooks:
    """Find the hooked functions in a ``xen-syms*.map``.

    Raises:
        RecorderError: it is not a symbol file, or a function is not in it.
        OSError: it cannot be read.
    """
    raw = path.read_bytes()
    found: dict[str, int] = {}
    for line in raw.decode("utf-8", "replace").splitlines():
        words = line.split()
        # A local symbol whose name is not unique has its file before it: file.c#name.
        name = words[2].rpartition("#")[2] if len(words) == 3 else ""
        if name in FUNCTIONS and not (name == "memcpy" and "#" in words[2]):
            try:
                found[name] = int(words[0], 16)
            except ValueError:
                continue
    missing = [name for name in _NEEDED if name not in found]
    missing += [" or ".join(sorted(either)) for either in _COPIES if not either & found.keys()]
    if missing:
        raise RecorderError(
            str(path), "", expected=f"the functions to hook ({', '.join(missing)})",
            got="none of that name",
            hint="is this the xen-syms.map of a release build of Xen 4.17 to 4.20?",
        )  # fmt: skip
    return Hooks(found, f"sha256:{hashlib.sha256(raw).hexdigest()}")

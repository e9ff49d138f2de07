"""Which functions of Xen are hooked, and where its symbol file says they are."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from xenexplore.errors import RecorderError

__all__ = ["FUNCTIONS", "Hooks", "read_hooks"]

# Function to the plugin's kind of hook.  The names are those of 4.17 to 4.20.
FUNCTIONS: Mapping[str, str] = {
    "hvm_hypercall": "hvm",  # xen/arch/x86/hvm/hypercall.c
    "pv_hypercall": "pv",  # xen/arch/x86/pv/hypercall.c
    "copy_to_user_hvm": "Hto",  # xen/arch/x86/hvm/hvm.c
    "copy_from_user_hvm": "Hfrom",
    "clear_user_hvm": "Hclr",
    "copy_to_guest_pv": "to",  # xen/arch/x86/usercopy.c
    "copy_from_guest_pv": "from",
    "copy_to_guest_ll": "to",
    "copy_from_guest_ll": "from",
    "clear_guest_pv": "clr",
    "paging_gva_to_gfn": "gva",  # xen/arch/x86/mm/paging.c
    "hap_p2m_ga_to_gfn_2_levels": "walk",  # xen/arch/x86/mm/hap/guest_walk.c
    "hap_p2m_ga_to_gfn_3_levels": "walk",
    "hap_p2m_ga_to_gfn_4_levels": "walk",
    "guest_walk_tables_4_levels": "tables4",  # xen/arch/x86/mm/guest_walk.c
    "guest_walk_tables_3_levels": "tables3",
    "p2m_get_page_from_gfn": "p2m",  # xen/arch/x86/mm/p2m.c
    "memcpy": "memcpy",
    "context_switch": "switch",  # xen/arch/x86/domain.c
    "do_IRQ": "irq",  # xen/arch/x86/irq.c
    "svm_get_insn_len": "decode",  # xen/arch/x86/hvm/svm/emulate.c
    "hardware_domain": "dom0",  # xen/common/domain.c, a variable
}
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
        """What the plugin reads: ``ADDRESS KIND`` lines."""
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
            str(path), "", expected=f"the functions that are hooked ({', '.join(missing)})",
            got="none of that name",
            hint="is this the xen-syms.map of a release build of Xen 4.17 to 4.20?",
        )  # fmt: skip
    return Hooks(found, f"sha256:{hashlib.sha256(raw).hexdigest()}")

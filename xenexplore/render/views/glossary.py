"""The glossary: what every term, shape, flag and counter of a view means, said once.

Legends in text, tooltips and the legend in the browser are made from here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from xenexplore.steps import Cite, xen

__all__ = ["GLOSSARY", "KEYS", "TOUR", "Term", "flag_terms", "terms_of"]

_SDM = "Intel SDM vol. 3"
_ENTRIES = Cite(_SDM, "4.5 (tables 4-14 to 4-20)")
_AD = Cite(_SDM, "4.8 Accessed and Dirty Flags")


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One thing that a reader may not know.

    Attributes:
        key: what it belongs to and which: ``"step:move"``, ``"count:walks"``, ``"flag:NX"``,
            ``"word:gfn"``, ``"status:right"``, ``"mark:alias"``.
        name: as views spell it.
        text: what it means, in a sentence or two.
        cite: where a fact in it can be read, or None where it only says what a view shows.
    """

    key: str
    name: str
    text: str
    cite: Cite | None = None


def _terms(room: str, *rows: tuple[str, str, str] | tuple[str, str, str, Cite]) -> tuple[Term, ...]:
    return tuple(
        Term(key=f"{room}:{key}", name=name, text=text, cite=cite[0] if cite else None)
        for key, name, text, *cite in rows
    )


_WORDS = _terms(
    "word",
    ("linear", "linear", ("Linear address: a guest virtual address after segmentation; a "
     "page-table walk starts from it."), Cite(_SDM, "3.1 Memory Management Overview")),
    ("guest-physical", "guest-physical", ("Guest-physical address (gpa): an address in what the "
     "guest treats as physical memory. The P2M maps it to a machine frame."),
     xen("xen/include/xen/mm-frame.h", "gfn_t")),
    ("gfn", "gfn", "Guest frame number: a guest-physical address without its low 12 bits.",
     xen("xen/include/xen/mm-frame.h", "gfn_t")),
    ("mfn", "mfn", "Machine frame number: a frame of the host's memory.",
     xen("xen/include/xen/mm-frame.h", "mfn_t")),
    ("handle", "handle", ("Guest handle: the pointer passed to a hypercall. The design defines "
     "the meaning of its bits; today it is a linear address, for HVM and PV guests alike."),
     xen("xen/include/xen/guest_access.h", "copy_from_guest_offset")),
    ("directmap", "directmap", "The kernel's linear mapping of all its RAM, at one offset.",
     Cite("Linux", "Documentation/arch/x86/x86_64/mm.rst")),
    ("vmalloc", "vmalloc", ("Linear range in which Linux maps single frames side by side; kernel "
     "stacks too, with CONFIG_VMAP_STACK."), Cite("Linux", "kernel/fork.c")),
    ("current", "current vCPU", "The vCPU on whose behalf Xen currently runs."),
    ("subject", "subject vCPU", ("The vCPU that the access is for; it may differ from the "
     "current one."), xen("xen/common/domain.c", "VCPUOP_register_runstate_memory_area")),
    ("index", "47:39, 38:30, 29:21, 20:12", ("Nine bits of the linear address: which of the 512 "
     "entries of a table the walk reads. 47:39 in L4, 38:30 in L3, 29:21 in L2, 20:12 in L1; "
     "56:48 in L5, where there is one."), Cite(_SDM, "4.5 4-Level Paging and 5-Level Paging")),
    ("offset", "11:0", ("The rest of the linear address: the offset of the bytes in the page. "
     "11:0 in a page of 4 KiB, 20:0 of 2 MiB, 29:0 of 1 GiB."),
     Cite(_SDM, "4.5 4-Level Paging and 5-Level Paging")),
    ("once", "once", "Done once, in the setup, and not repeated for each call."),
    ("calls", "calls", "Done for calls, after the setup."),
)  # fmt: skip

_STEPS = _terms(
    "step",
    ("action", "action", "An action of the guest in the scenario; its steps are inside."),
    ("phase", "setup, prepare, finish", ("Work that the design requires of the guest: once, "
     "before a call, or after it.")),
    ("hypercall", "call", ("A hypercall enters Xen. Its number is in rax, its arguments are in "
     "registers; leg 1 and on are continuations."),
     xen("xen/arch/x86/hvm/hypercall.c", "hvm_hypercall")),
    ("exit", "exit", "The vCPU exits from the guest to Xen.",
     xen("xen/arch/x86/hvm/svm/svm.c", "svm_init_hypercall_page")),
    ("copy", "copy in, copy out, clear", ("One copy between Xen and the guest: of an argument, an "
     "element, or a result."), xen("xen/arch/x86/hvm/hvm.c", "copy_from_user_hvm")),
    ("piece", "piece, walk", ("The part of a copy within one page; each piece is translated "
     "separately."), xen("xen/arch/x86/hvm/hvm.c", "__hvm_copy")),
    ("tlb-lookup", "TLB v0, TLB dom", ("Search of registered buffers: of one vCPU's table, or the "
     "domain's. HIT: an entry covers the bytes. MISS: none does.")),
    ("tlb-insert", "reg, register", ("The guest registers a range: linear address, size, "
     "guest-physical address.")),
    ("tlb-purge", "purge", "The guest removes registrations."),
    ("walk-cache-lookup", "vTLB v0, cache v0", ("Search of the walks that Xen remembers: shadow "
     "paging's vTLB, or a design's cache."),
     xen("xen/arch/x86/mm/shadow/private.h", "vtlb_lookup")),
    ("walk-cache-insert", "keep", "Xen remembers a walk that succeeded.",
     xen("xen/arch/x86/mm/shadow/private.h", "vtlb_insert")),
    ("walk-cache-flush", "flush", "Xen forgets every remembered walk of a vCPU.",
     xen("xen/arch/x86/mm/shadow/private.h", "vtlb_flush")),
    ("pte-read", "L4 to L1 [index]", ("The walk reads one page-table entry: its address, the "
     "entry in hex, its flags. The index is nine bits of the linear address: 47:39 in L4, 38:30 "
     "in L3, 29:21 in L2, 20:12 in L1."), xen("xen/arch/x86/mm/guest_walk.c", "guest_walk_tables")),
    ("pte-update", "set", "The walk sets Accessed or Dirty in an entry.",
     xen("xen/arch/x86/mm/guest_walk.c", "set_ad_bits")),
    ("p2m-lookup", "P2M", ("Lookup in the P2M: from guest frame to machine frame, type, and page "
     "size."), xen("xen/arch/x86/mm/p2m.c", "p2m_get_page_from_gfn")),
    ("check", "check", "Xen checks a condition, and continues or fails."),
    ("fault", "FAULT", "A translation fails. The copy ends there.",
     xen("xen/arch/x86/hvm/hvm.c", "hvm_translate_get_page")),
    ("copy-failed", "FAILED", "The copy ends early: how many bytes Xen reports as not copied.",
     xen("xen/arch/x86/hvm/hvm.c", "__hvm_copy")),
    ("move", "bytes", ("Bytes move. right: to or from the frame that the caller meant. WRONG: "
     "another frame. CIPHERTEXT, GARBAGE, DROPPED: the meant frame, but unusable.")),
    ("list-read", "list", "Xen reads an element of a list of frames or buffers."),
    ("unchecked", "unchecked", ("An access that today's walk would have checked is made without "
     "the check. UNCHECKED: the walk would have failed.")),
    ("hazard", "HAZARD", "Something in this run that can go wrong in another."),
    ("refusal", "REFUSED", "The design cannot do this."),
    ("registers", "load, store", "The argument travels in registers, not in memory."),
    ("return", "return", "What the call returns in rax: 0, a number, or -errno.",
     xen("xen/include/public/errno.h", "XEN_ERRNO")),
    ("note", "note", "A remark by the model."),
    ("flip", "flip", "The guest makes a page shared with Xen, or private again."),
    ("guest-translate", "va to pa", "The guest translates an address itself.",
     Cite("Linux, arch/x86/mm/pat/set_memory.c", "slow_virt_to_phys")),
    ("guest-copy", "bounce, unbounce", ("The guest copies between its buffer and a page that Xen "
     "can read.")),
    ("guest-write", "write", "The guest writes data that the design needs in memory."),
)  # fmt: skip

_COUNTS = _terms(
    "count",
    ("exits", "exits", "Exits from the guest to Xen."),
    ("copies", "copies", "Copies between Xen and the guest."),
    ("walks", "walks", ("Walks of the guest's page tables, one for each piece that is not found "
     "in another way.")),
    ("pte_reads", "page-table reads", "Page-table entries read in walks."),
    ("p2m_lookups", "P2M lookups", ("Lookups of a guest frame in the P2M: one for each table of "
     "a walk, one for its final frame, one for the copy.")),
    ("p2m_entry_reads", "P2M entry reads", "Entries of P2M tables read in those lookups."),
    ("tlb_lookups", "TLB lookups", "Searches of registered buffers."),
    ("tlb_hits", "TLB hits", "Searches that found an address."),
    ("tlb_compares", "TLB compares", "Entries compared in those searches."),
    ("tlb_inserts", "registrations", "Ranges that the guest registered."),
    ("tlb_purges", "purges", "Removals of registrations by the guest."),
    ("list_reads", "list reads", "Elements of lists that Xen read."),
    ("bytes_from_guest", "bytes from guest", "Bytes that Xen read from the guest."),
    ("bytes_to_guest", "bytes to guest", "Bytes that Xen wrote to the guest."),
    ("register_bytes", "bytes in registers", "Bytes of arguments passed in registers."),
    ("guest_translations", "guest translations", "Addresses that the guest translated itself."),
    ("guest_bytes_copied", "guest bytes copied", "Bytes that the guest bounced."),
    ("guest_bytes_written", "guest bytes written", "Bytes that the guest wrote for the design."),
    ("flips", "encryption flips", "Pages made shared or private."),
    ("unchecked", "unchecked accesses", "Accesses made without today's checks."),
)  # fmt: skip

_FLAGS = _terms(
    "flag",
    ("P", "P", "Present. An entry without it ends the walk.", _ENTRIES),
    ("RW", "RW", "Writable.", _ENTRIES),
    ("US", "US", "User: user-mode accesses are allowed.", _ENTRIES),
    ("PWT", "PWT", "Page-level write-through.", _ENTRIES),
    ("PCD", "PCD", "Page-level cache disable.", _ENTRIES),
    ("A", "A", "Accessed: set by the walk.", _AD),
    ("D", "D", "Dirty: set by a walk for a write.", _AD),
    ("PS", "PS", "Page size: the entry maps a large page, and the walk ends here.", _ENTRIES),
    ("PAT", "PAT", "Page attribute table: a bit of the memory type.", _ENTRIES),
    ("G", "G", "Global: the same in every address space.", _ENTRIES),
    ("NX", "NX", "No execute.", _ENTRIES),
    ("PKEY", "PKEY", "Protection key of a user page.", Cite(_SDM, "4.6.2 Protection Keys")),
    ("C", "C", "Encrypted (C-bit).", Cite("AMD APM vol. 2", "15.34.1")),
)

_STATUS = _terms(
    "status",
    ("right", "right", "All bytes moved to or from the frames that the caller meant."),
    ("wrong", "wrong bytes", ("Some bytes moved to or from another frame, as ciphertext, or not "
     "at all, without an error.")),
    ("error", "error", "A call, a multicall's entry, or a check failed."),
    ("refused", "refused", "The design does not support it."),
)  # fmt: skip

_MARKS = _terms(
    "mark",
    ("now", "blue, filled", "This step: its address, its frame, its row."),
    ("done", "green", "Done, or registered."),
    ("bad", "vermilion, dashed or crossed", "A wrong frame, a failure, a lost check."),
    ("alias", "dashed green box and curve", ("Another linear address of the same frame: the "
     "directmap's.")),
    ("band", "pale green band", "A registered range, from its linear addresses to its frames."),
    ("hatch", "hatched", "Private: encrypted, and not readable by Xen."),
    ("gap", "dotted edges", "Addresses omitted: nothing of interest there, or no RAM."),
)  # fmt: skip

#: Every term by its key.
GLOSSARY = {term.key: term for term in (*_WORDS, *_STEPS, *_COUNTS, *_FLAGS, *_STATUS, *_MARKS)}

#: Keys of a stepper, and what they do.
KEYS = (
    ("← → or k j", "one step back, forward"),
    ("PgUp PgDn", "previous, next copy or call"),
    ("Home End", "first, last step"),
    ("space", "play, pause"),
    ("Enter", "bits of the entry; fold or unfold the group"),
    ("+ - 0", "zoom the map"),
    ("↑ ↓", "move through the map's parts (map focused)"),
    ("/ n N", "search the steps; next, previous match"),
    ("b [ ]", "bookmark and note this step; previous, next bookmark"),
    ("r", "the path drawn, or as rows"),
    ("t", "tour of the view"),
    ("f", "whole tab, and back"),
    ("?", "this legend"),
    ("Esc", "close, unpin"),
)


#: Six stops over a stepper: which part, its name, what to do there.
TOUR = (
    (".xe-controls", "Step", ("The arrow keys or the slider go through the recorded run; red ticks "
     "are where something goes wrong. / finds a step by a word or an address.")),
    (".xe-this", "This step", ("The current action of Xen or the guest, with its source; beside "
     "it, points worth noticing.")),
    (".xe-map", "Where the buffer lives", ("The same frame may have several linear addresses: the "
     "dashed boxes are the others. Point at anything to highlight it in every view.")),
    (".xe-path", "How Xen gets there", ("Bits of the address choose an entry in each table; each "
     "table is looked up in the P2M first. Dotted: what the caller meant. As rows: press r.")),
    (".xe-count-part", "So far", ("Cost of the run so far; blue counts change at this step. "
     "Point at a name to see its definition.")),
    (".xe-time", "Timeline", ("The steps around this one, in groups that fold. ? shows every "
     "word, sign and key.")),
)  # fmt: skip


def terms_of(keys: Iterable[str]) -> tuple[Term, ...]:
    """Terms by key, each once, in the glossary's order.

    Raises:
        KeyError: no such term.
    """
    wanted = {key: GLOSSARY[key] for key in keys}
    return tuple(term for key, term in GLOSSARY.items() if key in wanted)


def flag_terms(flags: str) -> tuple[str, ...]:
    """The keys of an entry's flags as a step spells them, e.g. ``"P RW A"``."""
    names = ("PKEY" if name.startswith("PK=") else name for name in flags.split())
    return tuple(f"flag:{name}" for name in names if f"flag:{name}" in GLOSSARY)

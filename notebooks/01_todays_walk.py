# %% [markdown]
# # Today's walk: what Xen does for every piece that it copies
#
# Terms: a **piece** is the part of a buffer within one 4 KiB page. Xen copies piece by piece
# (`__hvm_copy()`, `xen/arch/x86/hvm/hvm.c`) and walks for each. The **error code** gives the reason why a walk failed, in the CPU's encoding.
#
# **Question:** what does a walk read, what does it check, and what does it cost?
#
# ## The walk by itself
#
# First without Xen: a guest whose page tables have the layout of Linux 6.1, and a buffer on a kernel stack. Each level is recorded:
# the table, the entry, and its value.

# %%
from textwrap import fill

import xenexplore as xe

domain = xe.Domain(xe.GuestSpec())
buffer = domain.place("buffer", "stack", 48, offset=0x100)
record = xe.walk(domain, buffer.va, xe.READ)
for level in record.levels:
    entry = f"[{level.index:3}] {level.entry:016x} {level.flags}"
    print(f"L{level.number} {level.table.hex()} {entry}")
print(f"gpa {record.gpa.hex()}, in a page of {record.page_size} bytes")
assert len(record.levels) == 4
assert record.gpa == domain.truth(buffer.va, 48)[0][0]

# %% [markdown]
# The same walk, made by Xen. Each table is a guest frame, so each costs a lookup in the P2M. The final frame costs another
# (`hap_p2m_ga_to_gfn()`, `xen/arch/x86/mm/hap/guest_walk.c`).

# %%
by_xen = xe.walk(domain, buffer.va, xe.READ, by="xen")
assert by_xen.gpa == record.gpa
assert len(by_xen.lookups) == 5
for step in by_xen.steps():
    print(fill(step.say(), 72, subsequent_indent="    "))

# %% [markdown]
# ## What it checks
#
# The walk enforces what the CPU would enforce for a read or a write by the guest's kernel: present, writable, user or supervisor,
# SMAP, protection keys, reserved bits. It also sets Accessed and Dirty, as the CPU would. A fault is a result, with its error code.
# Here the buffer is made read-only, and then Xen has to write to it:

# %%
domain.set_writable("buffer", False)
refused = xe.walk(domain, buffer.va, xe.WRITE, by="xen")
print(refused.fault.say())
assert refused.error_code == 0b011

# %% [markdown]
# In 0x3, bit 0 means that the page was present, bit 1 that the access was a write.
#
# ## What it costs, by page size
#
# An entry read is a read of a guest page-table entry or of a P2M entry. Larger pages mean fewer levels in both. A physical address needs
# one P2M lookup, and no walk.

# %%
reads = {}
for size, order, physical in (("4 KiB", 0, 4), ("2 MiB", 9, 3), ("1 GiB", 18, 2)):
    reads[size] = xe.break_even(xe.read_costs(), order, order).reads + physical
    print(f"{size} pages over a P2M of {size}:", end=" ")
    print(f"{reads[size]} entry reads; {physical} by physical address")
assert list(reads.values()) == [28, 18, 10]

# %% [markdown]
# These are calculated sums. Two runs, step by step, give the same: `EVTCHNOP_send` of [00_start_here](00_start_here.ipynb), with
# one copy, and the call of a guest whose directmap and P2M use 1 GiB pages, with 65 copies.

# %%
small = xe.compare(xe.load("evtchn-send-from-stack"), ["linear-walk", "number-bit"]).outcomes
giant = xe.compare(xe.load("giant-directmap"), ["linear-walk", "number-bit"]).outcomes
for outcomes, copies in ((small, 1), (giant, 65)):
    today, physical = outcomes["linear-walk"].calls, outcomes["number-bit"].calls
    assert today.copies == today.walks == copies
    print(f"copies {copies:2}: {today.pte_reads} + {today.p2m_entry_reads} entry reads,", end=" ")
    print(f"{physical.p2m_entry_reads} by physical address")
walked, by_gpa = small["linear-walk"].calls, small["number-bit"].calls
assert (walked.pte_reads + walked.p2m_entry_reads, by_gpa.p2m_entry_reads) == (28, 4)
walked, by_gpa = giant["linear-walk"].calls, giant["number-bit"].calls
assert (walked.pte_reads + walked.p2m_entry_reads, by_gpa.p2m_entry_reads) == (65 * 10, 65 * 2)

# %% [markdown] tags=["more"]
# ## A buffer that crosses a page
#
# Such a buffer has two pieces, which take two walks and may be in unrelated frames. That is legal today.

# %%
straddle = xe.run(xe.load("straddle"), "linear-walk")
assert straddle.outcome.status == "right"
assert (straddle.outcome.calls.copies, straddle.outcome.calls.walks) == (1, 2)
xe.Stepper(straddle)

# %% [markdown]
# ## Conclusion
#
# With 4 KiB pages everywhere, a copy of one piece reads 28 entries, and the next piece reads as many again. By physical address, 4
# of them remain. The walk also checks what the CPU would check, and sets Accessed and Dirty. A design without a walk gives up both:
# see [03_software_tlb](03_software_tlb.ipynb).
#
# ## What would change this conclusion
#
# * Under HAP nothing is cached between copies of one hypercall (`hvm_hypercall()` disables the emulator's cache); shadow paging has
#   its vTLB there (*shadow-vtlb*). A one-entry cache of the last walk would save 36.5% of one guest's walks and none of the
#   other's, as counted in [11_findings](11_findings.ipynb). A read's walk cannot serve a write, which needs RW checked and Dirty
#   set.
# * Counts are not times: page-table entries that are in the CPU's cache are cheap to read.
# * PV guests have no such walk: Xen uses their page tables directly. See [09_pv](09_pv.ipynb).
#
# Sources: Xen 4.17: `xen/arch/x86/hvm/hvm.c`, `xen/arch/x86/mm/guest_walk.c`, `xen/arch/x86/mm/hap/guest_walk.c`.

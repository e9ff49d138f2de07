# %% [markdown]
# # Today's walk: what Xen does for every piece that it copies
#
# Terms: a **piece** is as much of a buffer as lies in one 4 KiB page; Xen copies piece by piece
# (`__hvm_copy()`, `xen/arch/x86/hvm/hvm.c`) and walks for each. The **error code** says why a walk failed,
# as the CPU would.
#
# **Question:** what does a walk read, what does it check, and what does it cost?
#
# ## The walk by itself
#
# First without Xen: a guest whose page tables are laid out as Linux 6.1 lays them out, and a buffer on a
# kernel stack. Every level is recorded: which table, which entry, what it held.

# %%
import xenexplore as xe
from xenexplore.guest.domain import Domain
from xenexplore.guest.spec import GuestSpec
from xenexplore.paging import READ, WRITE, walk

domain = Domain(GuestSpec())
buffer = domain.place("buffer", "stack", 48, offset=0x100)
record = walk(domain.memory.guest, domain.paging_state(), buffer.va, READ)
for level in record.levels:
    print(f"L{level.number}  table {level.table}  [{level.index:3}]  {level.entry:016x}  {level.flags}")
print("gpa", record.gpa, "page of", record.page_size, "bytes")
assert len(record.levels) == 4
assert record.gpa == domain.truth(buffer.va, 48)[0][0]

# %% [markdown]
# The same walk as Xen makes it: each table is a guest frame, so each costs a look-up in the P2M, and the
# frame at the end costs another (`hap_p2m_ga_to_gfn()`, `xen/arch/x86/mm/hap/guest_walk.c`).

# %%
by_xen = walk(domain.memory.hypervisor, domain.paging_state(), buffer.va, READ)
assert by_xen.gpa == record.gpa
assert len(by_xen.lookups) == 5
for step in by_xen.steps():
    print(step.say())

# %% [markdown]
# ## What it checks
#
# The walk enforces what the CPU would have enforced for the guest's kernel: present, writable, user or
# supervisor, SMEP and SMAP, protection keys, reserved bits. A fault is an answer, with its error code.

# %%
domain.set_writable("buffer", False)
refused = walk(domain.memory.hypervisor, domain.paging_state(), buffer.va, WRITE)
print(refused.fault.say())
assert refused.error_code == 0b011

# %% [markdown]
# ## What it costs, by page size
#
# Entry reads are guest page-table entries plus P2M entries. Smaller pages mean more of both.

# %%
scenario = xe.load("evtchn-send-from-stack")
today = xe.run(scenario, "linear-walk").outcome.calls
assert today.pte_reads + today.p2m_entry_reads == 28
print(f"4 KiB pages over a 4 KiB P2M: {today.pte_reads} + {today.p2m_entry_reads} = 28 entry reads")

# %% [markdown]
# A physical address needs one P2M look-up, of at most four entries, and no walk:

# %%
physical = xe.run(scenario, "number-bit").outcome.calls
assert (physical.walks, physical.p2m_entry_reads) == (0, 4)
print(f"by physical address: {physical.p2m_entry_reads} entry reads")

# %% [markdown]
# ## A buffer that crosses a page
#
# It is two pieces, hence two walks, and they may end at unrelated frames. That is legal today.

# %%
straddle = xe.load("straddle")
xe.Stepper(xe.run(straddle, "linear-walk"))

# %% [markdown]
# ## What would change this conclusion
#
# * Nothing is cached between copies of one hypercall today (`hvm_hypercall()` disables the emulator's cache).
#   A one-entry cache of the last walk would save what [11_findings](11_findings.ipynb) counts: more than half of one guest's walks.
# * Counts are not times: page-table entries that are in the CPU's cache are cheap to read.
# * PV guests have no such walk: Xen uses their page tables directly.
#
# Sources: Xen 4.17: `xen/arch/x86/hvm/hvm.c`, `xen/arch/x86/mm/guest_walk.c`, `xen/arch/x86/mm/hap/guest_walk.c`.

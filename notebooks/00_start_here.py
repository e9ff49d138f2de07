# %% [markdown]
# # Start here: one hypercall, four bytes
#
# A *hypercall* is a guest's request to Xen. If an argument is a *buffer*, a register holds the buffer's **linear address**, and Xen
# has to find the memory behind it. Below, a real Linux passes four bytes to a real Xen.
#
# **Question:** what does Xen do to find these four bytes, and what would it do under another design?
#
# *Run → Run All Cells* makes the pictures live: → and ← step, `?` explains every term and symbol, `f` fills the tab. A folded
# section (an arrow beside its heading) gives details that the rest of the notebook does not depend on.

# %%
import xenexplore as xe

scenario = xe.load("evtchn-send-from-stack")
today = xe.run(scenario, "linear-walk")
xe.Stepper(today)

# %% [markdown]
# Three starting points:
#
# * **New** (C and page tables, no Xen): this page, [01](01_todays_walk.ipynb) today's walk, [02](02_directmap.ipynb) the directmap,
#   [03](03_software_tlb.ipynb) registered buffers, [05](05_encrypted_guests.ipynb) encryption. With exercises:
#   [12](12_at_the_prompt.ipynb).
# * **Reviewer**: [11](11_findings.ipynb) the findings on one page, [14](14_what_changes_it.ipynb) what changes them,
#   [10](10_recorded_boot.ipynb) the recordings, then one question each:
#   [04](04_whose_tlb.ipynb) whose table, [06](06_large_buffers.ipynb) size, [07](07_privcmd.ipynb) privcmd,
#   [08](08_multicall_continuation.ipynb) multicall, [09](09_pv.ipynb) PV. A design of your own: [13](13_your_own_design.ipynb).
# * **Porting a kernel**: [15](15_porting.ipynb), kernel by kernel.
#
# ## Today
#
# `EVTCHNOP_send` notifies another guest; its argument is a port, four bytes on the kernel's stack. Xen walks the guest's
# page tables: four entries, one in each level. Each table is a guest frame, so each is looked up in the P2M first, Xen's table
# from guest frames (gfn) to machine frames (mfn). The frame that the walk finds is looked up once, and once more by the copy.

# %%
cost = today.outcome.calls
assert (cost.bytes_from_guest, cost.walks, cost.pte_reads) == (4, 1, 4)
assert (cost.p2m_lookups, cost.p2m_entry_reads) == (6, 24)
print(f"{cost.bytes_from_guest} bytes: {cost.pte_reads} page-table entries read, and")
print(f"{cost.p2m_entry_reads} P2M entries in {cost.p2m_lookups} lookups (4 KiB pages)")

# %% [markdown]
# ## Each design on the same call
#
# In September 2022 Juergen Gross proposed that a guest *register* its buffers in advance, and that Xen search the registered
# buffers before it walks: a **software TLB** (O7). One registration over the kernel's directmap (O10) would not help this call: the
# stack is mapped a second time, at a `vmalloc` address, and that is the address passed. Click a number to see the steps behind it,
# or an option to step through it.

# %%
compared = xe.compare(scenario, [
    "linear-walk", "giant-map", "software-tlb", "number-bit", "bounce", "fastabi",
])
assert {outcome.status for outcome in compared.outcomes.values()} == {"right"}
hit, giant = compared.outcomes["software-tlb"].calls, compared.outcomes["giant-map"].calls
assert (hit.walks, hit.tlb_hits, hit.tlb_compares) == (0, 1, 1)
assert (hit.p2m_lookups, hit.p2m_entry_reads) == (1, 4)
assert (giant.tlb_lookups, giant.tlb_hits, giant.walks) == (1, 0, 1)
xe.ComparisonView(compared)

# %% [markdown]
# The other designs, and who proposed them: `print(xe.designs().text())`. All designs that were specified move the right four bytes;
# two were never written down in enough detail, and nothing is invented for them.

# %%
others = xe.compare(scenario, [
    "phys-twins", "domain-mode", "address-bits", "sg-policy", "gfn-lists", "abi-v2", "packets",
]).outcomes
assert [outcome.status for outcome in others.values()] == ["right"] * 5 + ["refused"] * 2
for label, outcome in others.items():
    print(f"{label:13} {outcome.status}")

# %% [markdown]
# To try a call of your own, run `xe.Workbench()` in a cell below: it has every control and the scenario's text, with the view beside them.
#
# ## Conclusion
#
# Today these four bytes cost one walk: 4 page-table entries and 24 P2M entries are read. With the stack's page registered they cost
# one compare and 4 P2M entries. One registration over the directmap does not help this call, because the address passed is not in
# the directmap.
#
# ## What would change this conclusion
#
# * The recorded kernel has `CONFIG_VMAP_STACK`, as x86-64 distributions do. Without it, stacks are in the
#   directmap and the giant registration hits.
# * `EVTCHNOP_send` is not an average call: [11](11_findings.ipynb) counts all of them.
# * Counts are not times: a walk that finds its tables in the cache is cheap. A design changes the counts; their cost depends on the machine.

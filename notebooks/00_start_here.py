# %% [markdown]
# # Start here: one hypercall, four bytes
#
# A *hypercall* is how a guest asks Xen for something. Its arguments are in registers; where an argument is a
# *buffer*, the register holds the buffer's **linear address** (a *guest handle*), and Xen has to find the
# memory behind it. This notebook follows one such buffer, four bytes long, that a real Linux passed to a
# real Xen, under today's interface and under one of the designs that were proposed instead.
#
# Terms: **linear address**: what the guest's code uses. **gfn**: guest frame number, what the guest's page
# tables lead to. **mfn**: machine frame number. **P2M**: Xen's table from gfn to mfn. **walk**: finding the
# gfn of a linear address in the guest's page tables. **directmap**: the kernel's mapping of all its RAM, in
# one linear range.
#
# Every view below has a picture and a text beside it, so that this page can be read without a kernel.

# %%
import xenexplore as xe

scenario = xe.load("evtchn-send-from-stack")
print(scenario.about.text)

# %% [markdown]
# ## Today
#
# Xen walks the guest's page tables: four entries, one in each level, and each table has to be looked up in
# the P2M first. Step through it (arrow keys, or the line of time below the views).

# %%
today = xe.run(scenario, "linear-walk")
xe.Stepper(today)

# %% [markdown]
# Four bytes are copied. What did they cost?

# %%
cost = today.outcome.calls
assert (cost.bytes_from_guest, cost.pte_reads, cost.p2m_lookups) == (4, 4, 6)
assert cost.pte_reads + cost.p2m_entry_reads == 28
print(f"{cost.bytes_from_guest} bytes: {cost.pte_reads} page-table entries read, "
      f"{cost.p2m_lookups} P2M look-ups of up to four entries each: 28 reads in the worst case")

# %% [markdown]
# ## A registered buffer
#
# In September 2022 Juergen Gross proposed that a guest *register* its buffers beforehand: virtual address,
# physical address, size. Xen would search these before it walks: a **software TLB**. Here the page of the
# kernel stack that holds the four bytes has been registered.

# %%
registered = xe.run(scenario, "software-tlb")
xe.Stepper(registered)

# %%
hit = registered.outcome.calls
assert (hit.walks, hit.tlb_hits, hit.p2m_lookups) == (0, 1, 1)
assert registered.outcome.right_bytes == 4
print(f"no walk: {hit.tlb_compares} compare, and one P2M look-up for the frame itself")

# %% [markdown]
# ## One registration for everything?
#
# A PVH kernel could register its whole directmap once. It would not help this call: the stack is mapped a
# second time, at a `vmalloc` address, and that is the address which the kernel passes.

# %%
giant = xe.run(scenario, "giant-map")
assert giant.outcome.calls.tlb_hits == 0
assert giant.outcome.calls.walks == 1
xe.Stepper(giant, step=8)

# %% [markdown]
# ## All of them, side by side
#
# The designs have numbers of this project: **O0** is today's interface; `xenexplore options` says what each of the others
# is, who proposed it, and what it refuses. Walks and entry reads are of the guest's page tables; "once" is what is done a single time,
# beforehand, such as registering.

# %%
xe.ComparisonView(xe.compare(scenario))

# %% [markdown]
# ## Where to go from here
#
# * **New to the topic**: [01_todays_walk](01_todays_walk.ipynb), what a walk is and reads; then
#   [05_encrypted_guests](05_encrypted_guests.ipynb), why Xen cannot always make it.
# * **Reviewing the designs**: [10_recorded_boot](10_recorded_boot.ipynb) and [11_findings](11_findings.ipynb), what real guests pass;
#   [02_directmap](02_directmap.ipynb), [03_software_tlb](03_software_tlb.ipynb), [04_whose_tlb](04_whose_tlb.ipynb);
#   then the questions: [06_large_buffers](06_large_buffers.ipynb),
#   [08_multicall_continuation](08_multicall_continuation.ipynb), [09_pv](09_pv.ipynb).
# * **Working on a guest kernel**: [02_directmap](02_directmap.ipynb) (what if mine has none?),
#   [06_large_buffers](06_large_buffers.ipynb), [07_privcmd](07_privcmd.ipynb).
# * **Trying one of your own**: the workbench below; its text is the whole scenario, and fits in a mail.

# %%
xe.Workbench()

# %% [markdown]
# ## What would change this conclusion
#
# * The recorded kernel has `CONFIG_VMAP_STACK`, as x86-64 distributions do. Without it, stacks are in the
#   directmap and the giant registration hits.
# * `EVTCHNOP_send` is the call at hand, not the average call: [11_findings](11_findings.ipynb) counts all of them.
# * Counts are not times: a walk that finds its tables in the cache is cheap. The counts are what a design
#   changes; what they cost depends on the machine.

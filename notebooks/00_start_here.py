# %% [markdown]
# # Start here: one hypercall, four bytes
#
# A *hypercall* is how a guest asks Xen for something. Its arguments are in registers. Where an argument is a
# *buffer*, the register holds the buffer's **linear address** (a *guest handle*), and Xen has to find the
# memory behind it. This notebook follows one such buffer, four bytes long, that a real Linux passed to a
# real Xen: under today's interface, and under each design that was proposed instead.
#
# **Question:** what does Xen do to find these four bytes, and what would it do under another design?
#
# Guests: **dom0** is the first guest; it controls the others. A **PVH** guest runs on hardware virtualisation, and
# Xen emulates no PC for it; **HVM** is the same with a PC. A **vCPU** is a guest's virtual CPU.
#
# Addresses: a **linear address** is what the guest's code uses. A **gfn** is a guest frame number, what the guest's page
# tables lead to; a **gpa** is a gfn with an offset. An **mfn** is a machine frame number. The **P2M** is Xen's table
# from gfn to mfn. A **walk** finds the gfn of a linear address in the guest's page tables. The **directmap** is the
# kernel's mapping of all its RAM, in one linear range.
#
# Bits of a page-table entry: **P** present, **RW** writable, **US** for user space, too, **A** accessed, **D** dirty
# (written to), **G** global, **NX** not to be executed.

# %% [markdown]
# What the views count:
#
# * **exit**: a change from guest to Xen.
# * **compare**: one entry of a table of registered buffers, looked at.
# * **unchecked**: an access without the walk's checks. Xen no longer checks the page's rights, nor sets Accessed (A):
#   see [03_software_tlb](03_software_tlb.ipynb).
# * **va to pa** (in pictures: guest translations): the guest translated a page itself, from virtual to physical address.
# * **right** and **WRONG**: the bytes are in the frame that the caller meant, or they are not. **error**: a copy or the call failed.
#   **refused**: the design cannot do it.
#
# Every view has a picture, the line of Python that shows it, and a text beside it, so that this page can be read
# without running it.

# %% [markdown]
# ## Three ways through
#
# * **New to the topic** (C and page tables, no Xen): this page, then [01_todays_walk](01_todays_walk.ipynb),
#   [02_directmap](02_directmap.ipynb), [03_software_tlb](03_software_tlb.ipynb), [05_encrypted_guests](05_encrypted_guests.ipynb).
# * **Reviewer**: [11_findings](11_findings.ipynb) (one page of findings), [10_recorded_boot](10_recorded_boot.ipynb),
#   then a question each: [02](02_directmap.ipynb) directmap, [03](03_software_tlb.ipynb) and [04](04_whose_tlb.ipynb)
#   software TLB, [05](05_encrypted_guests.ipynb) encryption, [06](06_large_buffers.ipynb) size,
#   [07](07_privcmd.ipynb) privcmd, [08](08_multicall_continuation.ipynb) multicall, [09](09_pv.ipynb) PV.
# * **Guest kernel without a directmap**: [02](02_directmap.ipynb), "What would I have to change?". The reasons are in
#   [03](03_software_tlb.ipynb) (stale entries), [04](04_whose_tlb.ipynb) (vCPUs), [05](05_encrypted_guests.ipynb)
#   (sharing) and [06](06_large_buffers.ipynb) (contiguity).
#
# To try one of your own: the workbench at the end of this page. Guests, buffers and tables in your hands, with exercises:
# [12_at_the_prompt](12_at_the_prompt.ipynb). A design of your own: [13_your_own_design](13_your_own_design.ipynb).

# %% [markdown]
# ## The call
#
# `EVTCHNOP_send` is the call by which one guest notifies another. Its argument is a struct of four bytes: the port.

# %%
import xenexplore as xe

scenario = xe.load("evtchn-send-from-stack")
print(scenario.about.text)

# %% [markdown]
# ## Today
#
# Xen walks the guest's page tables: four entries, one in each level. Each table is a guest frame, so each has to be looked
# up in the P2M first. Step through it (arrow keys, or the timeline below the views).

# %%
today = xe.run(scenario, "linear-walk")
xe.Stepper(today)

# %% [markdown]
# Four bytes are copied. What did they cost? Six P2M look-ups: four for the tables, one for the frame that the walk found,
# one more by the copy.

# %%
cost = today.outcome.calls
assert (cost.bytes_from_guest, cost.walks, cost.pte_reads) == (4, 1, 4)
assert (cost.p2m_lookups, cost.p2m_entry_reads) == (6, 24)
print(f"{cost.bytes_from_guest} bytes: {cost.pte_reads} page-table entries read, and")
print(f"{cost.p2m_entry_reads} P2M entries in {cost.p2m_lookups} look-ups (4 KiB pages)")

# %% [markdown]
# ## A registered buffer
#
# In September 2022 Juergen Gross proposed that a guest *register* its buffers beforehand: virtual address,
# physical address, size. Xen would search these before it walks: a **software TLB**. Here the page of the
# kernel stack that holds the four bytes has been registered, once.

# %%
registered = xe.run(scenario, "software-tlb")
xe.Stepper(registered, step=7)

# %%
hit = registered.outcome.calls
assert (hit.walks, hit.tlb_hits, hit.tlb_compares) == (0, 1, 1)
assert (hit.p2m_lookups, hit.p2m_entry_reads) == (1, 4)
assert registered.outcome.right_bytes == 4
print(f"no walk: {hit.tlb_compares} compare, and")
print(f"{hit.p2m_entry_reads} P2M entries read for the frame itself")

# %% [markdown]
# ## One registration for everything?
#
# A PVH kernel could register its whole directmap once. It would not help this call. The stack is mapped a
# second time, at a `vmalloc` address, and that is the address which the kernel passes. The dashed box in the pictures above is the
# same frame at its directmap address; [02_directmap](02_directmap.ipynb) steps through this.

# %%
giant = xe.run(scenario, "giant-map").outcome.calls
assert (giant.tlb_lookups, giant.tlb_hits, giant.walks) == (1, 0, 1)
print(f"{giant.tlb_lookups} look-up, {giant.tlb_hits} hits, {giant.walks} walk as today")

# %% [markdown]
# ## All of them, side by side
#
# The designs have numbers in this project; **O0** is today's interface. Who proposed what:

# %%
print(xe.designs().text())

# %% [markdown]
# Each on the same call, in two parts. "Once" is what is done a single time, beforehand, such as registering.
# Entry reads are of the guest's page tables.

# %%
first = xe.compare(scenario, [
    "linear-walk", "giant-map", "software-tlb", "number-bit", "bounce", "fastabi",
    "phys-twins",
])
assert {outcome.status for outcome in first.outcomes.values()} == {"right"}
xe.ComparisonView(first)

# %%
other = xe.compare(scenario, [
    "linear-walk", "domain-mode", "address-bits", "sg-policy", "gfn-lists", "abi-v2",
    "packets",
])
assert [outcome.status for outcome in other.outcomes.values()] == ["right"] * 5 + ["refused"] * 2
xe.ComparisonView(other)

# %% [markdown]
# All that were specified move the right four bytes. `gfn-lists` walks here: its lists are for large buffers, and nothing else was
# registered. Two were never written down in enough detail, and nothing is invented for them.
#
# ## Try one of your own
#
# The text is the whole scenario; change it, or the controls, and mail the text.

# %%
xe.Workbench()

# %% [markdown]
# ## Conclusion
#
# Today these four bytes cost one walk: 4 page-table entries and 24 P2M entries are read. With the stack's page registered they
# cost one compare and 4 P2M entries. One registration over the directmap does not help this call: the address that is
# passed is not in it.
#
# ## What would change this conclusion
#
# * The recorded kernel has `CONFIG_VMAP_STACK`, as x86-64 distributions do. Without it, stacks are in the
#   directmap and the giant registration hits.
# * `EVTCHNOP_send` is the call shown here, not an average call: [11_findings](11_findings.ipynb) counts all of them.
# * Counts are not times: a walk that finds its tables in the cache is cheap. The counts are what a design
#   changes; what they cost depends on the machine.

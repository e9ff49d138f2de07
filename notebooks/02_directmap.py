# %% [markdown]
# # The directmap, and buffers outside it
#
# Terms: the **directmap** is a kernel's mapping of all its RAM in one linear range (from `ffff8880'00000000` on x86-64 Linux with
# four levels, without KASLR). **kmalloc** memory is used through its directmap address. **vmalloc** memory, kernel stacks (with
# `CONFIG_VMAP_STACK`), modules and the kernel image have addresses of their own: the *frame* is in the directmap too, but the
# kernel passes the other address to Xen.
#
# **Question:** how much does one registration over the directmap cover, and what would a kernel without a directmap do?
#
# Juergen Gross proposed it (28 Sep 2022). Jan Beulich answered that Linux needs a second range for the kernel image, and
# that other kernels may have no directmap (29 Sep 2022).
#
# ## The naive version: everything is in the directmap
#
# That is true of frames. The dashed box in the directmap is the same frame at another address.

# %%
import xenexplore as xe

giant = xe.run(xe.load("evtchn-send-from-stack"), "giant-map")
xe.Stepper(giant, step=7)

# %%
calls = giant.outcome.calls
assert (calls.tlb_lookups, calls.tlb_hits, calls.walks) == (1, 0, 1)
print(f"one entry over the directmap: {calls.tlb_hits} hits of {calls.tlb_lookups} lookup")

# %% [markdown]
# In the recorded boot this is the rule: that one entry serves 0.2% of the accesses ([11_findings](11_findings.ipynb)).
#
# ## The second range
#
# Static data of the kernel is at image addresses. A second registration covers it. Data of a module is in neither.

# %%
second = xe.load("second-range")
ranges = xe.compare(second)
xe.ComparisonView(ranges, folded=True)

# %%
hits = {label: outcome.calls.tlb_hits for label, outcome in ranges.outcomes.items()}
assert ranges.outcomes["two ranges"].calls.tlb_lookups == 6
assert (hits["one range"], hits["two ranges"], hits["and the module"]) == (4, 5, 6)
print("hits of 6 lookups:", hits["one range"], "by one range,", hits["two ranges"], "by two")

# %% [markdown] tags=["more"]
# ## Which buffers of a Linux guest are covered?

# %%
places = xe.load("real-buffers")
buffers = xe.compare(places)
calls = {label: outcome.calls for label, outcome in buffers.outcomes.items()}
labels = ("directmap", "and image", "and stack", "and the rest")
assert [calls[label].tlb_hits for label in labels] == [2, 4, 5, 12]
for label in labels:
    print(f"{label:12}  hits {calls[label].tlb_hits:2} of {calls[label].tlb_lookups} lookups")

# %% [markdown]
# ## A kernel without a directmap
#
# A kernel whose heap and stacks are mapped page by page has no range to register.

# %%
scattered = xe.load("no-directmap")
none = xe.compare(scattered)
xe.ComparisonView(none, folded=True)

# %%
outcome = none.outcomes
assert outcome["giant-map"].status == outcome["bounce"].status == "refused"
assert "4832 bytes" in outcome["bounce"].refusals[0]
for name in ("software-tlb", "sg-policy", "gfn-lists"):
    assert outcome[name].status == "right"
tlb, flat = outcome["software-tlb"], outcome["number-bit"]
assert tlb.setup.tlb_inserts == 8
assert (flat.status, flat.result, flat.wrong_bytes) == ("wrong", 600, 704)
print(f"registered: {tlb.setup.tlb_inserts} entries for one stack and one array")
print(f"flat: {flat.wrong_bytes} bytes from the wrong frame;", end=" ")
print(f"all {flat.result} extents are reported done")
print("bounce: refused, the arguments do not fit in one page")

# %% [markdown]
# A unikernel with an identity map is the other extreme: one entry covers everything.

# %%
identity = xe.compare(xe.load("identity-map"))
assert {outcome.status for outcome in identity.outcomes.values()} == {"right"}
one = identity.outcomes["giant-map"]
assert (one.setup.tlb_inserts, one.calls.tlb_lookups, one.calls.tlb_hits) == (1, 5, 5)
print(f"{one.setup.tlb_inserts} entry: {one.calls.tlb_hits} hits of {one.calls.tlb_lookups} lookups")

# %% [markdown] tags=["more"]
# ## What would I have to change?
#
# In a kernel without a directmap, for each design:
#
# | design | once | at each call | when memory is freed or remapped | shown in |
# |---|---|---|---|---|
# | O0 today's walk | – | – | – | [01](01_todays_walk.ipynb) |
# | O1, O2 physical, flat | – | translate each handle, including those in structs; check that the frames are contiguous; if not, copy to a contiguous buffer | – | here, [06](06_large_buffers.ipynb), [07](07_privcmd.ipynb), [08](08_multicall_continuation.ipynb) |
# | O3, O4 lists | – | translate, and build a list for each buffer | – | [06](06_large_buffers.ipynb) |
# | O7 registered | register each stack page on every vCPU (or once, if one table is shared) | nothing for registered buffers; an unregistered buffer is walked, or fails if the guest is encrypted | purge before the frame is reused | [03](03_software_tlb.ipynb), [04](04_whose_tlb.ipynb), [05](05_encrypted_guests.ipynb) |
# | O8 lists in registered pages | as O7, plus a page for the list | as O7; for a large buffer, translate and write the list | as O7 | [06](06_large_buffers.ipynb) |
# | O9 bounce | a page for each vCPU | copy in and out; all arguments must fit in one page | – | [05](05_encrypted_guests.ipynb), [06](06_large_buffers.ipynb) |
# | O10 one giant range | impossible without a directmap | | | here |
# | O11 FastABI | – | load registers; calls that do not fit need another interface | – | [06](06_large_buffers.ipynb), [11](11_findings.ipynb) |
# | O12 twins | register the two areas by physical address | – for them; all other calls as O0 | – | [04](04_whose_tlb.ipynb) |
#
# An encrypted guest must also share every page named here with Xen.

# %% [markdown]
# ## Conclusion
#
# One registration over the directmap serves `kmalloc()` memory. Stacks, `vmalloc()` memory, the image and modules are outside it,
# and most buffers of the recorded boot are on stacks. A kernel without a directmap registers piece by piece, or translates each
# handle itself. If it passes flat addresses, it must check that the frames are contiguous: nothing else does.
#
# ## What would change this conclusion
#
# * A kernel without `CONFIG_VMAP_STACK` has its stacks in the directmap.
# * Whether frames behind `vmalloc` addresses are contiguous is a matter of chance. Here they never are; in a real kernel after boot
#   many are. Nothing guarantees it.
# * How often each kind of buffer is passed depends on the workload: see [10_recorded_boot](10_recorded_boot.ipynb).

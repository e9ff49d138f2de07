# %% [markdown]
# # The directmap, and what is not in it
#
# Terms: the **directmap** is a kernel's mapping of all its RAM in one linear range (`ffff8880'00000000` on x86-64 Linux with
# four levels). **kmalloc** memory is used by its directmap address. **vmalloc** memory, kernel stacks (with
# `CONFIG_VMAP_STACK`), modules and the kernel image have addresses of their own: the *frame* is in the directmap,
# too, but that is not the address which the kernel passes to Xen.
#
# **Question:** how far does one registration over the directmap get a kernel? Juergen Gross proposed it (28 Sep 2022); Jan
# Beulich answered that Linux needs a second range for the kernel image, and that other kernels have no directmap (29 Sep 2022).
#
# ## The naive version: everything is in the directmap
#
# It is, as far as frames go. Look at the dashed alias beside the handle: same frame, another address.

# %%
import xenexplore as xe

stack = xe.load("evtchn-send-from-stack")
giant = xe.run(stack, "giant-map")
xe.Stepper(giant, step=8)

# %%
calls = giant.outcome.calls
assert (calls.tlb_lookups, calls.tlb_hits, calls.walks) == (1, 0, 1)
print("one entry over the directmap:", calls.tlb_hits, "hits of", calls.tlb_lookups)

# %% [markdown]
# ## The second range
#
# Static data of the kernel is at image addresses. A second registration covers it; data of a module is in neither.

# %%
second = xe.compare(xe.load("second-range"))
xe.ComparisonView(second)

# %%
hits = {path.option.label: path.outcome.calls.tlb_hits for path in second.paths}
lookups = {path.option.label: path.outcome.calls.tlb_lookups for path in second.paths}
assert hits["one range"] < hits["two ranges"] < lookups["two ranges"]
print("one range:", hits["one range"], "two ranges:", hits["two ranges"], "of", lookups["two ranges"])

# %% [markdown]
# ## My kernel has no directmap
#
# A kernel whose heap and stacks are mapped page by page has no range to register. It can register the pieces themselves: the
# more its memory is scattered, the more entries.

# %%
none = xe.compare(xe.load("no-directmap"))
xe.ComparisonView(none)

# %%
outcome = {path.option.label: path.outcome for path in none.paths}
assert outcome["giant-map"].status == "refused"
assert outcome["software-tlb"].status == "right"
assert outcome["number-bit"].status == "wrong"
print("pieces registered:", outcome["software-tlb"].setup.tlb_inserts)
print("flat physical addresses:", outcome["number-bit"].wrong_bytes, "bytes from the wrong frame, silently")

# %% [markdown]
# A unikernel that is mapped one to one is the other extreme: one entry covers everything there is.

# %%
identity = xe.compare(xe.load("identity-map"))
assert all(path.outcome.status == "right" for path in identity.paths if path.outcome.status != "refused")
xe.ComparisonView(identity)

# %% [markdown]
# ## What would I have to change in my kernel?
#
# * With a directmap, and buffers in it: one registration at boot, nothing else.
# * With buffers elsewhere: register stacks (per task or per CPU), image and modules as well; or bounce; or pass physical addresses, and then
#   know for each call where its handles are.
# * Without a directmap: register what you pass, when you allocate it.
#
# ## What would change this conclusion
#
# * A kernel without `CONFIG_VMAP_STACK` has its stacks in the directmap.
# * Whether frames behind `vmalloc` addresses follow each other is chance: here they never do, in a real kernel after boot most
#   four-page stacks happened to (37 of 48 in the memory image that this project was checked with). Nothing promises it.
# * How often each kind of buffer is passed is a question of workload: see [10_recorded_boot](10_recorded_boot.ipynb).

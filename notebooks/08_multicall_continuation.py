# %% [markdown]
# # Multicalls and continuations
#
# Terms: a **multicall** is one hypercall that carries a list of others. A **continuation** is how Xen preempts a hypercall: it
# rewrites the argument registers and lets the instruction execute again; each execution is a **leg** of the call. The **bit** is
# the flavour bit in a hypercall's number: it marks the call's handles as physical addresses.
#
# **Question:** does a call's flavour bit survive a multicall, and a continuation?
#
# ## Outer and inner calls
#
# Jan Beulich (28 Sep 2022): the multicall and each of its entries carry their own bit. In Teddy Astie's patch of May 2025 entries
# inherit the outer call's flag instead, and an entry with the bit set is an unknown hypercall: that is our reading of the patch,
# not a reviewer's.

# %%
import xenexplore as xe

wrapped = xe.load("multicall-bits")
bits = xe.compare(wrapped)
for label, outcome in bits.outcomes.items():
    print(f"{label:13} {outcome.status}")
assert bits.outcomes["own bits"].status == "right"
assert bits.outcomes["inherited"].status == bits.outcomes["domain-mode"].status == "error"
assert bits.outcomes["linear-walk"].status == bits.outcomes["software-tlb"].status == "right"
assert bits.outcomes["fastabi"].status == "refused"
xe.ComparisonView(bits, folded=True)

# %% [markdown]
# In domain mode no handle is linear any more. The error comes from handles that unconverted code still passes as linear addresses.
# ## After a restart
#
# `hypercall_create_continuation()` puts the bare number into RAX. Unless the patch restores the bit, the second leg takes physical
# addresses for linear ones.

# %%
restart = xe.load("continuation-loses-bit")
lost = xe.run(restart, "bit, lost")
assert (lost.outcome.status, lost.outcome.result, lost.outcome.calls.exits) == ("error", 2, 2)
xe.Stepper(lost)

# %% [markdown]
# The caller gets "2 of 5" and no errno: `do_memory_op()` returns the number of extents that were done when it cannot fetch the
# struct again. The second leg's walk began at a physical address, and found nothing there.

# %%
both = xe.compare(restart, [
    "linear-walk", "bit, kept", "bit, lost", "domain-mode", "software-tlb", "sg-policy",
    "bounce",
])
wrong = [label for label, outcome in both.outcomes.items() if outcome.status != "right"]
assert wrong == ["bit, lost"]
assert (both.outcomes["bit, kept"].calls.exits, both.outcomes["bit, kept"].result) == (3, 5)
xe.ComparisonView(both, folded=True)

# %% [markdown] tags=["more"]
# ## Purged between two legs
#
# Linear handles have no bit to lose. Registered buffers have their own race: between two legs another vCPU may purge the entry.

# %%
race = xe.load("purge-race")
purged = xe.compare(race)
shared = purged.outcomes["tlb, shared"]
assert (shared.status, shared.result) == ("error", 2)
for label in ("tlb, per vCPU", "number-bit", "bounce"):
    assert purged.outcomes[label].status == "right"
xe.ComparisonView(purged, folded=True)

# %% [markdown]
# ## Conclusion
#
# A bit must survive each continuation, and each entry of a multicall needs its own. The patch, as we read it, does neither. Linear handles
# have neither problem.
#
# ## What would change this conclusion
#
# * Both failures belong to one patch, and can be fixed there: keep the bit in RAX, and mask it in the multicall dispatcher.
# * A guest that never purges an entry that a call in flight may use has no race. Nor is there one with a table for each vCPU, or in
#   an unencrypted guest, where a miss is walked.
# * Andrew Cooper (28 Sep 2022) wants continuations changed for another reason: they cause liveness problems for user space.

# %% [markdown]
# # Multicalls and continuations
#
# Terms: a **multicall** is one hypercall that carries a list of others. A **continuation** is a hypercall that Xen preempts: it rewrites the
# argument registers and lets the instruction execute again.
#
# **Question:** does a flavour of a call survive being carried, and being restarted?
#
# ## Outer and inner
#
# Jan Beulich (28 Sep 2022): the multicall and each of its entries carry their own bit. In the patch of May 2025 entries inherit the outer call's flag instead, and
# an entry that has the bit is unknown: that is our reading of the patch, not a reviewer's.

# %%
import xenexplore as xe

bits = xe.compare(xe.load("multicall-bits"))
xe.ComparisonView(bits)

# %%
status = {path.option.label: path.outcome.status for path in bits.paths}
assert status["own bits"] == "right"
assert status["inherited"] == "error"
print(status)

# %% [markdown]
# ## Restarted
#
# `hypercall_create_continuation()` puts the bare number into RAX. If nothing is done about it, the second leg takes physical addresses for linear ones.

# %%
restart = xe.load("continuation-loses-bit")
lost = xe.run(restart, "bit, lost")
assert lost.outcome.result == -14
xe.Stepper(lost)

# %%
both = xe.compare(restart)
xe.ComparisonView(both)

# %%
by_label = {path.option.label: path.outcome for path in both.paths}
assert by_label["bit, kept"].status == "right"
assert by_label["bit, lost"].status == "error"

# %% [markdown]
# ## What would change this conclusion
#
# * Both failures are of one patch, and can be mended in it: keep the bit in RAX, mask it in the multicall's dispatcher.
# * A software TLB has neither problem: handles stay linear. Its own: an entry that is purged by another vCPU between two legs.
# * Andrew Cooper (28 Sep 2022) wants continuations changed for another reason: a long call from user space cannot be interrupted.

# %% [markdown]
# # Whose TLB? Accesses about another vCPU
#
# Terms: **current** is the vCPU that runs on this CPU; the **subject** vCPU is the one an operation is about. The copy helpers know only
# `current` (`copy_to_user_hvm()`, `xen/arch/x86/hvm/hvm.c`; still so in 2026).
#
# **Question:** what happens when Xen writes vCPU 1's registered area while vCPU 0 runs? Jan Beulich called this the prerequisite of the software TLB (29 Sep
# 2022), after his and Roger Pau Monne's exchange of the same day.

# %%
import xenexplore as xe

scenario = xe.load("wrong-vcpu")
print(scenario.about.text)

# %% [markdown]
# ## The naive version: look it up in the table of whoever runs

# %%
naive = xe.run(scenario, "software-tlb")
xe.Stepper(naive, step=34)

# %%
assert naive.outcome.status == "wrong"
assert naive.outcome.result == 0
assert naive.outcome.wrong_bytes == 48
print("returns", naive.outcome.result, "and", naive.outcome.wrong_bytes, "bytes are in vCPU 0's frame")

# %% [markdown]
# Today's walk does the same, for the same reason: it walks the tables of `current`.

# %%
today = xe.run(scenario, "linear-walk")
assert today.outcome.status == "wrong"

# %% [markdown]
# ## Three cures, and the physical twin
#
# Pass the subject to the helper; put the update off until the subject returns to its guest; allow only ranges that every address space maps alike; or
# register by physical address (Xen 4.18).

# %%
everything = xe.compare(scenario)
status = {path.option.label: path.outcome.status for path in everything.paths}
assert status["tlb, subject"] == status["tlb, deferred"] == status["phys-twins"] == "right"
assert status["tlb, global only"] == "wrong"
xe.ComparisonView(everything)

# %% [markdown]
# "Only global ranges" refuses both registrations and leaves today's walk, which is as wrong as before: the cure is for the table, not for the walk.
#
# ## A handle that is stored, and used later
#
# A registered area is written outside of any hypercall. A flavour bit that lives for the length of one call is gone by then.

# %%
deferred = xe.compare(xe.load("deferred-handle"))
xe.ComparisonView(deferred)

# %%
assert any(path.outcome.status != "right" for path in deferred.paths)

# %% [markdown]
# ## What would change this conclusion
#
# * Linux's areas are per-CPU variables at different addresses in the half that all page tables share: there the wrong vCPU's tables give the right frame.
#   The damage needs a kernel that maps one address differently per vCPU.
# * Xen 4.18's physical registration makes the question vanish for runstate and time areas; the guest has to use it.

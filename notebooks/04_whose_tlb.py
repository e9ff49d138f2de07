# %% [markdown]
# # Whose TLB? Accesses on behalf of another vCPU
#
# Terms: **current** is the vCPU that runs on this CPU. The **subject** vCPU is the vCPU that an operation is for. The copy helpers
# use only `current` (`copy_to_user_hvm()`, `xen/arch/x86/hvm/hvm.c`; still so in 2026). The **runstate area** is a struct in guest
# memory, one for each vCPU, to which Xen writes how long that vCPU has run; it is registered once, and written at context switches.
#
# **Question:** what happens when Xen writes vCPU 1's registered area while vCPU 0 runs? Jan Beulich called this the prerequisite of
# the software TLB (29 Sep 2022), after his and Roger Pau Monne's exchange of the same day.

# %%
import xenexplore as xe

scenario = xe.load("wrong-vcpu")
print(scenario.about.text)

# %% [markdown]
# ## The naive version: look it up in the current vCPU's table

# %%
naive = xe.run(scenario, "software-tlb")
xe.Stepper(naive, step=29)

# %%
result, wrong = naive.outcome.result, naive.outcome.wrong_bytes
assert (naive.outcome.status, result, wrong) == ("wrong", 0, 48)
print(f"returns {result}, and {wrong} bytes are in vCPU 0's frame")

# %% [markdown]
# Today's walk does the same, for the same reason: it walks the tables of `current`.

# %%
today = xe.run(scenario, "linear-walk")
assert (today.outcome.status, today.outcome.wrong_bytes) == ("wrong", 48)

# %% [markdown]
# ## Two fixes, a rule that is not enough, and the physical twin
#
# * Search the table of the subject (*tlb, subject*).
# * Defer the update until the subject returns to its guest (*tlb, deferred*).
# * Allow only **global** ranges, which every address space maps identically (*tlb, global only*).
# * Register by physical address: the **physical twin** of the call, since Xen 4.18 (*phys-twins*).

# %%
everything = xe.compare(scenario)
status = {label: outcome.status for label, outcome in everything.outcomes.items()}
assert status["tlb, subject"] == status["tlb, deferred"] == status["phys-twins"] == "right"
assert status["tlb, global only"] == status["linear-walk"] == "wrong"
xe.ComparisonView(everything, folded=True)

# %% [markdown]
# "Only global ranges" rejects both registrations, which leaves today's walk, as wrong as before: the rule fixes the table, not the walk.

# %% [markdown] tags=["more"]
# ## A handle that is stored, and used later
#
# A registered area is written outside any hypercall. The **flavour bit** in a hypercall's number, which marks the call's handles as
# physical addresses, exists only for the duration of that call. When the area is written, the bit is gone.

# %%
stored = xe.load("deferred-handle")
deferred = xe.compare(stored)
status = {label: outcome.status for label, outcome in deferred.outcomes.items()}
assert [label for label in status if status[label] == "error"] == ["number-bit", "sg-policy"]
assert list(status.values()).count("right") == 5
xe.ComparisonView(deferred, folded=True)

# %% [markdown] tags=["more"]
# ## The right vCPU, and still the wrong tables
#
# With page-table isolation (KPTI) a vCPU that leaves the guest in user mode has tables without the kernel's data: Xen cannot find
# the area through them, and the update is lost silently. xen-devel discussed this for Arm in 2020; no reply in the thread mentions it.

# %%
isolated = xe.compare(xe.load("kpti-runstate"))
status = {label: outcome.status for label, outcome in isolated.outcomes.items()}
assert [label for label in status if status[label] == "error"] == ["linear-walk", "hap-cache"]
xe.ComparisonView(isolated, folded=True)

# %% [markdown]
# ## Conclusion
#
# A table for each vCPU is as wrong as today's walk, unless Xen searches the subject's table, waits for the subject, or is given a
# physical address. The bit of a call is not stored with a handle. A registration, or a physical address, does not depend on the
# user-mode page tables.
#
# ## What would change this conclusion
#
# * Linux's areas are per-CPU variables at different addresses, in the half that all page tables share: there the wrong vCPU's
#   tables give the right frame. The damage needs a kernel that maps one address differently per vCPU.
# * Xen 4.18's physical registration removes the question for runstate and time areas; the guest has to use it.

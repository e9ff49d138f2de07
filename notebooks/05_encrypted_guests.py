# %% [markdown]
# # Encrypted guests: why Xen cannot walk
#
# Terms: a **private** page is encrypted with the guest's key; Xen reads ciphertext from it. A **shared** page is not encrypted. To
# **flip** a page is to change it from one state to the other. **SEV** is AMD's encryption of a guest's memory: a write by Xen
# damages a private page. **SEV-SNP** adds integrity: such a write faults. **SEV-ES** also encrypts the guest's registers; those
# that the hypervisor may see are passed in a shared page, the **GHCB**. A **Realm** is Arm's counterpart.
#
# **Question:** which designs work when Xen can read neither the guest's page tables nor its private buffers?
#
# ## Today
#
# The walk fails because the table's bytes are ciphertext: what Xen reads as an entry is noise.

# %%
import xenexplore as xe

scenario = xe.load("encrypted-miss")
today = xe.run(scenario, "linear-walk")
assert (today.outcome.status, today.outcome.result) == ("error", -14)
assert today.outcome.right_bytes == 0
xe.Stepper(today, step=6)

# %%
noise, fault = today.steps[6].step, today.steps[7].step
assert (noise.entry & 1, fault.error_code) == (1, 9)
print(f"The level-{noise.level} entry as Xen reads it: {noise.entry:016x}")
print(f"{fault.reason}: error code {fault.error_code:#x}, and -EFAULT")

# %% [markdown]
# The entry looks present (bit 0), but reserved bits are set. That is chance: with other noise the entry is not present, or has no
# reserved bit set, and then the walk continues to a meaningless frame.
#
# ## Registered, or physical
#
# Juergen Gross (28 Sep 2022): on a miss in the software TLB Xen walks as today, or fails if the guest is encrypted. Three calls,
# with a buffer that is registered and shared, one that is registered but private, and one that is shared but not registered.

# %%
comparison = xe.compare(scenario)
xe.ComparisonView(comparison, folded=True)

# %%
for label, outcome in comparison.outcomes.items():
    print(f"{label:16} {outcome.status:8} right {outcome.right_bytes:2}, ", end="")
    print(f"ciphertext {outcome.wrong_bytes}")
tlb, bit = comparison.outcomes["tlb, miss fails"], comparison.outcomes["number-bit"]
assert (tlb.status, tlb.right_bytes, tlb.wrong_bytes, tlb.result) == ("wrong", 4, 4, -14)
assert (bit.status, bit.right_bytes, bit.wrong_bytes, bit.result) == ("wrong", 8, 4, 0)
assert comparison.outcomes["giant-map"].status == "refused"
assert comparison.outcomes["bounce"].status == comparison.outcomes["fastabi"].status == "right"

# %% [markdown]
# A registration tells Xen where a buffer is, not that Xen can read it. The same holds for a physical address. FastABI's bytes are
# in registers, and are counted separately.

# %% [markdown] tags=["more"]
# ## Flip, or bounce?
#
# A buffer must be shared for the duration of the call. Either its page is flipped twice per call, or a permanently shared page is
# used as a bounce buffer (Juergen Gross, 28 Sep 2022; Wei Chen for Arm's Realms, 29 Sep 2022: switching "can be very expensive").

# %%
flipping = xe.load("encryption-flips")
flips = xe.compare(flipping)
xe.ComparisonView(flips, folded=True)

# %%
per_call = {label: outcome.calls.flips for label, outcome in flips.outcomes.items()}
once = {label: outcome.setup.flips for label, outcome in flips.outcomes.items()}
assert (per_call["flip"], per_call["static"], once["static"]) == (6, 0, 1)
for label in ("flip", "static", "fastabi"):
    assert flips.outcomes[label].status == "right"
    print(f"{label:8} {per_call[label]} flips in three calls, {once[label]} before")

# %% [markdown] tags=["more"]
# ## The hypercall page
#
# On request, Xen writes its stubs into a page of the guest. In a private page they are garbage. (Andrew Cooper, 28 Sep
# 2022, objects to the page itself: it is code injection.) The page was never mandatory; Xen's guide has said so since 2024.

# %%
page = xe.compare(xe.load("hypercall-page"))
assert page.outcomes["linear-walk"].wrong_bytes == 9
assert page.outcomes["number-bit"].wrong_bytes == 9
assert page.outcomes["number-bit"].right_bytes == 4
assert page.outcomes["fastabi"].status == "right"
xe.ComparisonView(page, folded=True)

# %% [markdown]
# The nine wrong bytes are the stub, which is written before the call. The call by physical address then moves its own four bytes correctly.

# %% [markdown]
# ## Conclusion
#
# Xen cannot walk: it reads ciphertext. A registration or a physical address removes the walk, but the buffer must still be shared.
# Only flipping, bouncing and registers moved the right bytes in every call here.
#
# ## What would change this conclusion
#
# * No released Xen runs SEV guests; this model follows AMD's manual and the code for plain guests. Once Xen supports SEV, its walk
#   may fail earlier, with a clear error.
# * The cost of a flip is not known here; only the counts are.
# * Under SEV-ES a hypercall has to go through the GHCB, regardless of its buffers.

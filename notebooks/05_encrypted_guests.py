# %% [markdown]
# # Encrypted guests: why Xen cannot walk
#
# Terms: a **private** page is encrypted with the guest's key; Xen reads ciphertext there. A **shared** page is in the clear. To **flip** a page is to
# change it from one to the other. SEV: a write by Xen damages a private page; SEV-SNP: it faults.
#
# **Question:** which designs work when Xen can read neither the guest's page tables nor its private buffers?
#
# ## Today
#
# The walk fails because of what it reads: the table's bytes are ciphertext, and what looks like an entry is noise.

# %%
import xenexplore as xe

scenario = xe.load("encrypted-miss")
print(scenario.about.text)

# %%
comparison = xe.compare(scenario)
xe.ComparisonView(comparison)

# %% [markdown]
# Juergen Gross (28 Sep 2022): a miss in the software TLB is walked as today, or fails when the guest is encrypted.

# %%
status = {path.option.label: path.outcome.status for path in comparison.paths}
assert status["linear-walk"] == "error"
print(status)

# %% [markdown]
# ## Flip, or bounce?
#
# A buffer must be shared for the length of the call. Either its page is flipped twice per call, or a page that is always shared is used
# as a bounce buffer (Juergen Gross; Wei Chen for Arm's Realms, 29 Sep 2022).

# %%
flips = xe.compare(xe.load("encryption-flips"))
xe.ComparisonView(flips)

# %%
per_call = {path.option.label: path.outcome.calls.flips for path in flips.paths}
assert max(per_call.values()) >= 2
assert min(per_call.values()) == 0
print("flips during the calls:", per_call)

# %% [markdown]
# ## The hypercall page
#
# Xen used to write its stubs into a page of the guest. In a private page they are garbage (Andrew Cooper, 28 Sep 2022; the page has been optional since 2024).

# %%
page = xe.compare(xe.load("hypercall-page"))
xe.ComparisonView(page)

# %% [markdown]
# ## What would change this conclusion
#
# * No released Xen runs SEV guests; this model follows AMD's manual and the code for plain guests. When Xen gains SEV, its walk may refuse earlier, and say so.
# * What a flip costs is not known here: the counts are what a design changes. Wei Chen calls it very expensive.
# * Under SEV-ES a hypercall has to go through the GHCB, whatever its buffers are.

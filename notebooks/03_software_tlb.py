# %% [markdown]
# # Registered buffers as a software TLB
#
# Terms: an **entry** is a registered range: virtual address, physical address, size. A **hit** is a look-up that an entry
# serves; a **miss** is one that none does. To **purge** is to remove entries.
#
# **Question:** what does Xen do with registered buffers, what may be registered, and what becomes of an entry that is no longer true?
#
# Proposed by Juergen Gross (28 Sep 2022). Jan Beulich (29 Sep 2022): no table in memory, but one call without a buffer per piece: the call, the vCPU,
# VA, PA and size are just the five argument registers. What the thread leaves open (overlap, a full table, alignment) is decided here, and marked as ours.
#
# ## Two ways to register
#
# A table named by its physical address has to be read before anything is registered; the register form reads no memory at all.

# %%
import xenexplore as xe

bootstrap = xe.compare(xe.load("table-bootstrap"))
xe.ComparisonView(bootstrap)

# %% [markdown]
# ## A hit and a miss
#
# On a hit Xen compares, and looks the frame up in the P2M. On a miss it walks as today.

# %%
scenario = xe.load("evtchn-send-from-stack")
hit = xe.run(scenario, "software-tlb")
assert (hit.outcome.calls.walks, hit.outcome.calls.tlb_hits) == (0, 1)
xe.Stepper(hit, step=8)

# %% [markdown]
# ## An entry that is no longer true
#
# The guest maps another frame at a registered address and does not tell Xen. The next hit reaches the old frame: no fault,
# no error.

# %%
stale = xe.compare(xe.load("stale-entry"))
xe.ComparisonView(stale)

# %%
wrong = [path for path in stale.paths if path.outcome.status == "wrong"]
assert wrong
assert all(path.outcome.result == 0 for path in wrong)
for path in wrong:
    print(f"{path.option.label}: returns 0, {path.outcome.wrong_bytes} bytes in the wrong frame")

# %% [markdown]
# ## Checks that are no longer made
#
# A hit does not consult the guest's page tables. So it neither checks that the page may be written nor sets Accessed and Dirty.

# %%
lost = xe.compare(xe.load("lost-checks"))
xe.ComparisonView(lost)

# %%
today = next(path for path in lost.paths if path.option.name == "linear-walk")
assert today.outcome.lost_checks == 0
assert any(path.outcome.lost_checks for path in lost.paths)

# %% [markdown]
# ## How many entries, and how are they searched?

# %%
entries = xe.compare(xe.load("entries-and-lookup"))
xe.ComparisonView(entries)

# %% [markdown]
# ## What would change this conclusion
#
# * How many entries a real guest needs is measured in [11_findings](11_findings.ipynb), not here.
# * If the guest's kernel purged on every change of a registered mapping, stale entries would not occur; who changes mappings without knowing
#   of registrations (module unload, memory hot-unplug, compaction of user pages) is the question.
# * The choices marked as ours (refuse an overlap, refuse when full) change which error a guest sees, not which bytes move.

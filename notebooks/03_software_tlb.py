# %% [markdown]
# # Registered buffers as a software TLB
#
# Terms: an **entry** is a registered range: virtual address, physical address, size. A **hit** is a lookup served by an entry; a
# **miss** is one that no entry serves. To **purge** is to remove entries.
#
# **Question:** what does Xen do with registered buffers, what may be registered, and what happens if an entry becomes stale?
#
# Proposed by Juergen Gross (28 Sep 2022). Jan Beulich (29 Sep 2022): no table in memory, but one call without a buffer for each
# piece. (Ours: sub-op, vCPU, virtual address, physical address and size exactly fill the five argument registers of a 64-bit
# caller.) Questions that the thread leaves open are decided here, and marked as ours.

# %% [markdown] tags=["more"]
# ## Two ways to register
#
# A table named by its physical address has to be read before anything is registered. The register form reads no memory at all.

# %%
import xenexplore as xe

forms = xe.load("table-bootstrap")
bootstrap = xe.compare(forms)
table, calls = bootstrap.outcomes["table"].setup, bootstrap.outcomes["calls"].setup
assert (table.exits, table.tlb_inserts, table.list_reads) == (1, 5, 5)
assert (calls.exits, calls.tlb_inserts, calls.list_reads) == (5, 5, 0)
for form, once in (("table", table), ("calls", calls)):
    print(f"{form}: {once.exits} exits for {once.tlb_inserts} entries;", end=" ")
    print(f"Xen reads {once.list_reads} list elements")

# %% [markdown] tags=["more"]
# ## What may be registered?
#
# The thread does not say. Our choice: any range, aligned or not. A range that overlaps another is rejected, so that no lookup has
# two answers, and so is an entry beyond the table's capacity. The error numbers are ours.

# %%
two_slots = xe.TlbTable(capacity=2)
results = []
for va in (0x1234, 0x1240, 0x2000, 0x3000):
    answer = two_slots.insert(xe.TlbEntry(xe.Gva(va), xe.Gpa(0x7005), 48))
    results.append(answer.result)
    print(f"48 bytes at {va:#x}: {answer.result:3}  {answer.reason}".rstrip())
assert results == [0, -17, 0, -28]

# %% [markdown]
# ## A hit
#
# On a hit Xen compares, and looks the frame up in the P2M. On a miss it walks as today: for an example see the directmap entry in
# [02_directmap](02_directmap.ipynb).

# %%
hit = xe.run(xe.load("evtchn-send-from-stack"), "software-tlb")
counts = hit.outcome.calls
assert (counts.walks, counts.tlb_hits, counts.p2m_lookups) == (0, 1, 1)
xe.Stepper(hit, step=7)

# %% [markdown]
# ## A stale entry
#
# The guest maps another frame at a registered address and does not notify Xen. The next hit reaches the old frame: no fault, no error.

# %%
remapped = xe.load("stale-entry")
stale = xe.run(remapped, "software-tlb")
xe.Stepper(stale)

# %%
outcomes = xe.compare(remapped).outcomes
wrong = [label for label, outcome in outcomes.items() if outcome.status == "wrong"]
assert wrong == ["software-tlb"]
assert (stale.outcome.result, stale.outcome.wrong_bytes) == (0, 48)
for label, outcome in outcomes.items():
    print(f"{label:13} {outcome.status:6} returns {outcome.result},", end=" ")
    print(f"{outcome.wrong_bytes} bytes in the wrong frame")

# %% [markdown] tags=["more"]
# ## Without registration: a cache that Xen fills (ours)
#
# Shadow paging has remembered walks for years (*shadow-vtlb*), because it intercepts CR3 loads and INVLPG. Under HAP Xen sees
# neither: a walk may be kept while the vCPU stays in Xen, no longer. If it is kept until Xen switches the vCPU out, it goes stale
# like an entry that is not purged, but here the guest was never asked to purge it. For the coverage of each see
# [11_findings](11_findings.ipynb).

# %%
kept = xe.compare(xe.load("remembered-walks"))
hits = {label: (outcome.status, outcome.calls.tlb_hits) for label, outcome in kept.outcomes.items()}
assert hits["hap-cache"] == hits["one slot"] == ("right", 4)
assert hits["kept until a switch"] == ("wrong", 7)
xe.ComparisonView(kept, folded=True)

# %% [markdown]
# ## Checks that are no longer made
#
# A hit does not consult the guest's page tables, so it neither checks the access rights nor sets Accessed and Dirty.

# %%
checks = xe.load("lost-checks")
lost = xe.compare(checks)
missing = {label: outcome.lost_checks for label, outcome in lost.outcomes.items()}
assert missing.pop("linear-walk") == 0
assert set(missing.values()) == {2}
assert lost.outcomes["linear-walk"].status == "error"
for label, outcome in lost.outcomes.items():
    print(f"{label:13} {outcome.status:6} {outcome.lost_checks} checks lost")

# %% [markdown]
# *Right* refers only to the frame: the bytes went where the caller meant. Today both calls fail.

# %% [markdown] tags=["more"]
# ## How many entries, and how are they searched?
#
# A scan compares each entry, a sorted table at most 9 of 256 (here 8), a table indexed by page number just one. *256 direct* and
# *16 slots, full* end in error because some registrations were rejected.

# %%
scenario = xe.load("entries-and-lookup")
entries = xe.compare(scenario, [
    "linear-walk", "1", "32 scan", "256 scan", "256 sorted", "256 direct", "16 slots, full",
])
compares = {label: outcome.calls.tlb_compares for label, outcome in entries.outcomes.items()}
assert (compares["256 scan"], compares["256 sorted"], compares["256 direct"]) == (256, 8, 1)
failed = [label for label, outcome in entries.outcomes.items() if outcome.status == "error"]
assert failed == ["256 direct", "16 slots, full"]
xe.ComparisonView(entries, folded=True)

# %% [markdown]
# ## Conclusion
#
# A hit replaces the walk with compares and one P2M lookup. Xen trusts the entry: if it is stale, bytes go to the wrong frame and the
# call returns 0. Neither the page's rights nor SMAP are checked.
#
# ## What would change this conclusion
#
# * How many entries a real guest needs is measured in [11_findings](11_findings.ipynb), not here.
# * If the guest's kernel purged on every change of a registered mapping, stale entries would not occur. The question is which code
#   changes mappings without knowing about registrations: module unload, memory hot-unplug, compaction of user pages.
# * The choices marked as ours (reject an overlap, reject when full) change which error a guest sees, not which bytes move.

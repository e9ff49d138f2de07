# %% [markdown]
# # PV guests
#
# Terms: the page tables of a **PV** guest contain machine frames: gfn = mfn. The guest's own numbering (**pfn**) is private to it.
# Xen shares the address space and uses the guest's mappings directly, without a software walk.
#
# **Question:** do any of the designs apply? Juergen Gross and Jan Beulich (29 Sep 2022) agreed to keep linear addresses: any translation
# would need page references, and dropping the last reference may free the page where Xen must not free pages.
#
# ## The designs on a PV guest's call

# %%
from textwrap import fill

import xenexplore as xe

scenario = xe.load("pv-guest")
print(scenario.about.text)

# %%
everything = xe.compare(scenario)
status = {label: outcome.status for label, outcome in everything.outcomes.items()}
assert len(status) == 11
assert [label for label in status if status[label] == "right"] == ["linear-walk", "phys-twins"]
assert list(status.values()).count("refused") == 9
today = everything.outcomes["linear-walk"].calls
assert (today.walks, today.pte_reads, today.p2m_lookups) == (0, 0, 0)
xe.ComparisonView(xe.compare(scenario, [
    "linear-walk", "phys-twins", "domain-mode", "number-bit", "software-tlb", "giant-map",
    "fastabi",
]), folded=True)

# %% [markdown] tags=["more"]
# ## All eleven, with the reasons for refusal

# %%
for label, outcome in everything.outcomes.items():
    words = ": ".join((label, outcome.status, *outcome.refusals))
    print(fill(words, 72, subsequent_indent="    "))

# %% [markdown]
# ## The buffers of a real PV kernel
#
# The recorded PV dom0: calls with a buffer in each region (a call with buffers in two regions counts in both):

# %%
recorded = xe.open_recording("pv")
index = xe.CallIndex(recorded)
where = {region: len(index.find(domain="dom0", region=region)) for region in index.regions()}
calls = len(index.find(domain="dom0"))
print(f"{calls:,} hypercalls of dom0, of {len(recorded.calls):,}")
for region in sorted(where, key=where.get, reverse=True):
    print(f"{where[region]:7,}  {region}")
assert (len(recorded.calls), calls, len(recorded.walks)) == (266_351, 262_337, 10_994)
assert where["vmalloc"] > 3 * (where["directmap"] + where["image"])
assert 0.10 < where["directmap"] / calls < 0.11

# %% [markdown]
# Most are in `vmalloc` space, as for PVH. But one call in ten passes a directmap address, while the PVH dom0 has next to none
# ([10_recorded_boot](10_recorded_boot.ipynb)). The recording's 10,994 walks are those of the PVH guest that dom0 starts.
#
# ## Conclusion
#
# Of eleven designs, two leave a PV call working: today's, and the twins, which do not affect it.
#
# ## What would change this conclusion
#
# * In 2025 Jan Beulich asked why the domain mode was for HVM only. The answer was that addresses from MFNs are not practical, and
#   he would possibly agree for PFNs only. Neither claim has been demonstrated.
# * The physical twins of Xen 4.18 do work for PV guests, by machine frame. They cover two areas only.

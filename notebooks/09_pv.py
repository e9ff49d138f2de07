# %% [markdown]
# # PV guests
#
# Terms: in a **PV** guest page tables hold machine frames: gfn = mfn; the guest's own numbering (pfn) is private to it. Xen shares the address space and uses
# the guest's mappings directly; there is no software walk.
#
# **Question:** do any of the designs apply? Juergen Gross and Jan Beulich (28 and 29 Sep 2022) agreed to keep linear addresses: any translation would need page references, and
# dropping one may free a page where that is not allowed.

# %%
import xenexplore as xe
from xenexplore.scenario.recipes import Choices, recipe_text

options = tuple((name, ()) for name in ("linear-walk", "number-bit", "software-tlb", "giant-map", "fastabi", "phys-twins"))
scenario = xe.parse(recipe_text(Choices(guest="pv", options=options)))
comparison = xe.compare(scenario)
xe.ComparisonView(comparison)

# %%
by_name = {path.option.name: path.outcome for path in comparison.paths}
assert by_name["linear-walk"].status == "right"
assert by_name["linear-walk"].calls.pte_reads == 0
for name, outcome in by_name.items():
    print(f"{name}: {outcome.status}{''.join(': ' + reason for reason in outcome.refusals)}")

# %% [markdown]
# ## What a PV kernel really passes
#
# The recorded PV dom0 passes mostly stack addresses, as the PVH one does.

# %%
recorded = xe.open_recording("pv")
print(recorded)
assert len(recorded.calls) == 266_351

# %% [markdown]
# ## What would change this conclusion
#
# * In 2025 Jan Beulich asked again why PV could not pass machine frames; the answer was that it is impractical. Nobody has shown either.
# * The physical twins of Xen 4.18 do work for PV guests, by machine frame; they are for two areas only.

# %% [markdown]
# # What the recorded boot says about each design
#
# Terms: **coverage**: the share of accesses that a registered range serves. **Busiest**: the hypercall with most accesses; since it
# can drown all others, each share is given without it, too.
#
# **Question:** with numbers from a real boot instead of guesses, which of the designs would have helped, and by how much?
#
# ## The page one would post
#
# The same as `xenexplore report pvh` prints. It takes some seconds: 97,089 accesses, each under every design.

# %%
from xenexplore.analysis.cost import read_costs
from xenexplore.analysis.findings import find
from xenexplore.analysis.workload import read_workload
from xenexplore.guest.symbols import read_kallsyms
from xenexplore.recording import built_in_path
from xenexplore.render.text.report import report_text

workload = read_workload("pvh", read_kallsyms(built_in_path("kallsyms.dom0")))
findings = find(workload, read_costs())
print(report_text(findings))

# %% [markdown]
# ## One registration over the directmap serves next to nothing
#
# Nor does a second one over the kernel image. The buffers are on kernel stacks, and those are not in the directmap.

# %%
dom0, dom1 = (domain.coverage for domain in findings.domains)
for seen in (dom0, dom1):
    print(f"{seen.name}: directmap {seen.directmap:.1%}, + image {seen.with_image:.1%}, + stacks {seen.with_stacks:.1%}")
    assert seen.directmap < 0.01
    assert seen.with_stacks > 0.99
assert dom0.with_image < 0.02
assert 0.2 < dom1.with_image < 0.25

# %% [markdown]
# Is that the doing of one busy call? Without it, in the same order:

# %%
for seen in (dom0, dom1):
    shares = ", ".join(f"{share:.1%}" for share in seen.without_busiest)
    print(f"{seen.name} without {seen.busiest}: {shares}")
    assert seen.without_busiest[0] < 0.05
    assert seen.without_busiest[2] > 0.9

# %% [markdown]
# ## A handful of entries is enough, if one knows which
#
# Chosen in hindsight, page by page. A guest that registers beforehand has to know its stacks, and change them as tasks come and go.

# %%
for domain in findings.domains:
    pages = domain.entries[0]
    print(f"{domain.coverage.name}: entries for 90 / 99 / 99.9 / 100%: {pages.needed}")
    assert pages.needed[1] <= 10

# %% [markdown]
# ## Buffers are small, and hardly ever cross a page

# %%
sizes = findings.domains[0].sizes
print(f"{sizes.crossing} of {sizes.buffers:,} buffers cross a page; the largest has {sizes.largest:,} bytes")
assert (sizes.crossing, sizes.buffers, sizes.largest) == (2, 53_778, 13_966)

# %% [markdown]
# ## And today's walk, with a memory of one page?
#
# More than half of dom0's pieces lie on the page of the piece before, in the same hypercall. One remembered translation, dropped at
# the end of each hypercall, would save those walks, with no new interface at all.

# %%
near = findings.domains[0].locality
print(f"{near.saved / near.pieces:.1%} of {near.pieces:,} pieces; by a cache of any size: {near.saved_by_all / near.pieces:.1%}")
assert near.saved > near.pieces / 2

# %% [markdown]
# ## What would change this conclusion
#
# * The limits that end the page above: one boot, one kernel, emulated, one vCPU, no back-ends.
# * The times in the last table rest on guesses, and say so; the counts do not. `xenexplore report --costs FILE` takes yours.
# * A kernel whose stacks are in the directmap turns the first finding round: see [02_directmap](02_directmap.ipynb).
# * Record another workload: `xenexplore report FILE` makes the same page of it.

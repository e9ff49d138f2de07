# %% [markdown]
# # What the recorded boot shows about each design
#
# Terms: **coverage**: the share of accesses that a registered range serves. **Busiest**: the hypercall with the most accesses;
# since it can dominate all others, each share is also given without it.
#
# **Question:** with numbers from a real boot instead of guesses, which of the designs would have helped, and by how much?
#
# This takes some seconds: of 97,089 accesses, those made by hypercalls are replayed under every design. The order: the location of
# the buffers, the coverage of registered ranges, what Xen reads and executes, and finally the page to post.

# %%
import xenexplore as xe

findings = xe.report("pvh")
figures = {figure.name: figure for figure in xe.figures(findings)}
figures["regions"]

# %% [markdown]
# ## One registration over the directmap serves 0.2%
#
# A registration over the directmap serves 0.2% in both guests. Another over the kernel image adds little in dom0 (to 1.7%) and a
# fifth of dom1's accesses (to 23.0%); nearly all of that is `init_task`'s stack. The buffers are on kernel stacks. One of these
# belongs to the CPU, not to a task: the hardirq stack, per-CPU memory that `map_irq_stack()` (`arch/x86/kernel/irq_64.c`) maps
# once, with contiguous frames. One permanent entry serves it, and raises coverage to 4.3% and 68.5%. With task stacks too, coverage
# is 99.3% and 100%.

# %%
dom0, dom1 = (domain.coverage for domain in findings.domains)
shares = {
    seen.name: [
        f"{share:.1%}"
        for share in (seen.directmap, seen.with_image, seen.with_irq, seen.with_stacks)
    ]
    for seen in (dom0, dom1)
}
for name, (directmap, image, irq, stacks) in shares.items():
    print(f"{name}: directmap {directmap}, + image {image}, + hardirq {irq}, + tasks {stacks}")
assert shares["dom0"] == ["0.2%", "1.7%", "4.3%", "99.3%"]
assert shares["dom1"] == ["0.2%", "23.0%", "68.5%", "100.0%"]
figures["ranges"]

# %%
for seen in (dom0, dom1):
    for group in seen.groups[:3]:
        print(f"{seen.name}: {group.share:5.1%} {group.name}")
assert [f"{group.share:.1%}" for group in dom0.groups[:3]] == ["94.9%", "2.6%", "1.6%"]
assert [f"{group.share:.1%}" for group in dom1.groups[:3]] == ["45.5%", "31.5%", "22.8%"]

# %% [markdown]
# Is this due to one busy call? Without it, in the same order:

# %%
for seen in (dom0, dom1):
    shares = ", ".join(f"{share:.1%}" for share in seen.without_busiest)
    print(f"{seen.name} without {seen.busiest}: {shares}")
assert (dom0.busiest, dom1.busiest) == ("memory_op", "vcpu_op")
assert [f"{share:.1%}" for share in dom0.without_busiest] == ["1.7%", "18.6%", "46.9%", "91.9%"]
assert [f"{share:.1%}" for share in dom1.without_busiest] == ["0.4%", "13.0%", "13.0%", "100.0%"]

# %% [markdown] tags=["more"]
# ## A handful of entries is enough, in hindsight
#
# Chosen in hindsight, page by page, seven pages cover 99% in either guest; 43 and 13 pages cover everything.

# %%
for domain in findings.domains:
    print(f"{domain.coverage.name}: pages for 90 / 99 / 99.9 / 100%: {domain.entries[0].needed}")
assert findings.domains[0].entries[0].needed == (1, 6, 19, 43)
assert findings.domains[1].entries[0].needed == (3, 7, 11, 13)
figures["entries"]

# %% [markdown]
# A guest that registers in advance does not know which pages these are. It registers the whole stack of each task, or changes one
# set per vCPU as tasks come and go. (An interrupt switches to the hardirq stack and back: no change of task, and nothing to
# register.)

# %%
for seen in (dom0, dom1):
    print(f"{seen.name}: {seen.stacks.task_entries} entries for all tasks' stacks,", end=" ")
    print(f"or {seen.stacks.changes:,} changes at least")
assert (dom0.stacks.task_entries, dom1.stacks.task_entries) == (56, 24)
assert (dom0.stacks.changes, dom1.stacks.changes) == (126, 27)

# %% [markdown]
# ## What Xen reads to find the bytes
#
# Page-table, P2M and list entries for each hypercall. By physical address, or with everything registered, about a seventh of
# today's reads remain; with lists half of them; with one registration over the directmap all of them.

# %%
reads = [
    {one.design.label: round(one.reads_per_call, 1) for one in domain.replays}
    for domain in findings.domains
]
labels = ("linear-walk", "giant-map", "sg-policy", "number-bit", "domain-mode", "software-tlb")
for label in labels:
    print(f"{label:13} {reads[0][label]:5} {reads[1][label]:5}")
assert [reads[0][label] for label in labels] == [61.9, 61.8, 31.0, 9.3, 8.9, 9.3]
assert [reads[1][label] for label in labels] == [26.1, 26.1, 13.6, 3.9, 3.9, 3.9]
figures["reads"]

# %% [markdown] tags=["more"]
# ## Buffers are small, and hardly ever cross a page
#
# A call may have several buffers. The criterion for FastABI is ours: calls that fit in registers and do not come from user space.

# %%
sizes = findings.domains[0].sizes
print(f"{sizes.crossing} of {sizes.buffers:,} buffers cross a page;")
print(f"the largest has {sizes.largest:,} bytes, all of one call {sizes.call_bytes:,} at most")
assert (sizes.crossing, sizes.buffers) == (2, 53_778)
assert (sizes.largest, sizes.call_bytes) == (13_966, 14_104)
fast = [domain.fast for domain in findings.domains]
print("calls that fit registers:", ", ".join(f"{one.covered / one.calls:.1%}" for one in fast))
assert [f"{one.covered / one.calls:.1%}" for one in fast] == ["54.5%", "96.9%"]
refused = {one.design.label: one.refused for one in findings.domains[0].replays}
assert (refused["fastabi"], refused["bounce"], refused["linear-walk"]) == (17_423, 2, 0)

# %% [markdown] tags=["more"]
# ## Today's walk, with one page remembered
#
# One remembered walk, dropped at the end of each hypercall, would serve subsequent pieces on the same page, with no new interface
# at all: a read's walk serves reads, and a write's (which checks RW and CR0.WP, and sets Dirty) serves both. That is 36.5% of
# dom0's pieces. In dom1 it is none, since nearly all of its calls make one copy. Only the guest's part may be remembered:
# hypercalls such as `XENMEM_add_to_physmap_batch` change the P2M between two of their own copies. It is the design *hap-cache*,
# ours.
#
# The frames are recorded, so the argument can be checked: if walks are dropped after each call, no remembered walk led to a
# different frame from a fresh one. If they are kept until Xen switches the vCPU, they would serve nearly everything, but seven of
# dom0's pieces with a stale frame: under HAP nothing notifies Xen when the guest changes its tables. Keeping a walk longer needs a
# notification from the guest, which is what registration provides.

# %%
for domain in findings.domains:
    near = domain.locality
    last, any_size = near.saved / near.pieces, near.saved_by_all / near.pieces
    print(f"{domain.coverage.name}: {last:.1%} of {near.pieces:,} pieces;", end=" ")
    print(f"by a cache of any size {any_size:.1%}")
near = [domain.locality for domain in findings.domains]
assert [(one.saved, one.pieces) for one in near] == [(31_029, 84_975), (0, 2_974)]
assert [f"{one.saved / one.pieces:.1%}" for one in near] == ["36.5%", "0.0%"]
kept = [domain.kept for domain in findings.domains]
for one in kept:
    print(f"kept until a switch: {one.served / one.pieces:.1%}, of {one.checked:,} {one.stale} stale")
assert [(one.served, one.checked, one.stale) for one in kept] == [
    (83_306, 83_306, 7), (1_652, 1_652, 0),
]

# %% [markdown] tags=["more"]
# ## Where the one registration does work
#
# Accesses outside hypercalls are Xen's updates of the runstate area. All of them are in the directmap.

# %%
for seen in (dom0, dom1):
    print(f"{seen.name}: {seen.outside:,} accesses outside hypercalls,", end=" ")
    print(f"{seen.outside_directmap:.0%} in the directmap")
assert (dom0.outside, dom1.outside) == (4875, 4266)
assert dom0.outside_directmap == dom1.outside_directmap == 1.0
assert sum(seen.accesses + seen.outside for seen in (dom0, dom1)) + findings.repeats == 97_089

# %% [markdown] tags=["more"]
# ## The same in instructions
#
# This recording has no counts of its own; those of another with the same Xen are used (`pvh-backends`). A scan of the table takes
# as many instructions as the walk to a 4 KiB page once it compares 363 entries. Instructions are not time.

# %%
costs = findings.costs
assert costs.unit.value == "instructions"
assert not costs.guesses
print(f"{costs.origin}: a compare {costs.of('tlb_compares'):.0f} instructions")
for even, size in zip(findings.break_even[:2], ("4 KiB", "2 MiB"), strict=True):
    print(f"walk to a {size} page: {even.walk:,.0f}, or {even.compares} compares")
assert [(even.walk, even.compares) for even in findings.break_even[:2]] == [(3646, 363), (2922, 290)]

# %% [markdown]
# ## The page to post
#
# This is the output of `xenexplore report pvh`. All recordings as one mail: `xenexplore report --all --mail`.

# %%
print(findings.text())

# %% [markdown]
# ## Conclusion
#
# Kernels pass buffers on their stacks. A registration over the directmap serves 0.2% of the accesses. One registration each for the
# image and the hardirq stack raises that to 68.5% in dom1 and 4.3% in dom0; registering task stacks serves nearly all accesses, but
# the guest has to track the stacks. By physical address, or with everything registered, Xen reads about a seventh of the entries
# that it reads today. Remembering one walk would save 36.5% of dom0's walks and none of dom1's, with no new interface.
#
# ## What would change this conclusion
#
# * The limits at the end of the page above: one boot, one kernel, emulated, one vCPU, no backends. For backends, a second vCPU and
#   another Xen see [14_what_changes_it](14_what_changes_it.ipynb).
# * Instructions are not time: caches, and the CPU's own work at a VM exit, are not in them. `xenexplore report --costs FILE` takes
#   your own nanoseconds.
# * A kernel whose stacks are in the directmap reverses the first finding: see [02_directmap](02_directmap.ipynb).
# * Another workload: record it, and `xenexplore report FILE` makes the same page from it.

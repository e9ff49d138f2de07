# %% [markdown]
# # A recorded boot, call by call
#
# Terms: a **recording** is a QEMU log, taken at hooks in an unmodified Xen 4.17.7 while a guest ran: every hypercall with its
# registers, every copy to or from the guest, and every walk behind a copy. **dom0** is the first guest, here Linux as PVH; **dom1**
# is a guest started by dom0.
#
# **Question:** which buffers do real kernels pass, where are they, and how does each design handle them?
#
# ## What was recorded

# %%
import xenexplore as xe

recorded = xe.open_recording("pvh")
index = xe.CallIndex(recorded)
calls = {domain: len(index.find(domain=domain)) for domain in ("dom0", "dom1")}
print(f"{len(recorded.calls):,} hypercalls: {calls['dom0']:,} of dom0, {calls['dom1']:,} of dom1")
print(f"{len(recorded.accesses):,} accesses to guest memory, {len(recorded.walks):,} walks")
assert (len(recorded.calls), sum(calls.values())) == (41_391, 41_390)

# %% [markdown]
# One hypercall reached no handler and has no domain.

# %% [markdown] tags=["more"]
# ## The most frequent hypercalls
#
# This is one workload, not an average one: to build a guest, dom0's tools map its pages into dom0 and unmap them again.

# %%
names = index.names("dom0")
for name in list(names)[:8]:
    print(f"{names[name]:7,}  {name}")
most = list(names)[:3]
assert most[:2] == ["memory_op remove_from_physmap", "memory_op add_to_physmap_batch"]
assert most[2] == "vcpu_op set_singleshot_timer"

# %% [markdown]
# ## Where the buffers are
#
# Calls of dom0 with a buffer in each region. (A call with buffers in two regions counts in both.) Task stacks are in `vmalloc`
# space; `hardirq stack` is the CPU's own, mapped there too (`map_irq_stack()`, `arch/x86/kernel/irq_64.c`); `identity` is boot code
# that runs before the kernel's own page tables; `user` is a process that uses privcmd.

# %%
where = {region: len(index.find(domain="dom0", region=region)) for region in index.regions()}
for region in sorted(where, key=where.get, reverse=True):
    print(f"{where[region]:7,}  {region}")
assert (where["vmalloc"], where["hardirq stack"], where["directmap"]) == (34_365, 2_214, 130)
print(f"\nvmalloc (taken to be tasks' stacks): {where['vmalloc']:,} calls;", end=" ")
print(f"directmap: {where['directmap']:,}")

# %% [markdown]
# So a single registration over the directmap would cover little: see [02_directmap](02_directmap.ipynb).
#
# ## A real call, under today's interface
#
# `event_channel_op send`, with which dom0 notifies another guest. The buffer, its address and its offset in the page are those of
# the recording; the page tables have Linux's layout, since they were not recorded.

# %%
row = int(index.find(domain="dom0", name="event_channel_op send")[0])
print(index.call(row))
send = xe.scenario_from(recorded, row=row)
walked = xe.run(send, "linear-walk")
assert walked.outcome.calls.walks == 1
xe.Stepper(walked)

# %% [markdown] tags=["more"]
# ## The same call, with its stack page registered

# %%
registered = xe.run(send, "software-tlb")
assert (registered.outcome.calls.walks, registered.outcome.calls.tlb_hits) == (0, 1)
assert registered.outcome.status == walked.outcome.status == "right"
xe.Stepper(registered, step=7)

# %% [markdown] tags=["more"]
# ## The most frequent calls
#
# One recorded call of each kind: walks today, and hits once its buffers are registered.

# %%
walks = []
for name in [*most, "console_io write", "event_channel_op send"]:
    call = xe.scenario_from(recorded, row=int(index.find(domain="dom0", name=name)[-1]))
    today, tlb = xe.run(call, "linear-walk").outcome, xe.run(call, "software-tlb").outcome
    assert (today.status, tlb.status, tlb.calls.walks) == ("right", "right", 0)
    assert tlb.calls.tlb_hits == today.calls.walks
    walks.append(today.calls.walks)
    print(f"{name:32} walks {today.calls.walks},", end=" ")
    print(f"then {tlb.calls.walks}; hits {tlb.calls.tlb_hits}")
assert (min(walks), max(walks)) == (1, 4)

# %% [markdown]
# `add_to_physmap_batch` passes a struct that contains three handles, so one call makes four copies. Xen walks four times, for one
# page of the stack:

# %%
rows = index.find(domain="dom0", name="memory_op add_to_physmap_batch")
batch = xe.scenario_from(recorded, row=int(rows[-1]))
steps = [node.step for node in xe.run(batch, "linear-walk").steps]
handles = [step.handle for step in steps if isinstance(step, xe.Copy)]
for handle in handles:
    print(f"{handle:016x}, page {handle >> 12:013x}")
assert (len(handles), len({handle >> 12 for handle in handles})) == (4, 1)

# %% [markdown]
# ## Choose one yourself
#
# Filter by domain, hypercall and region; the selected call is run under the option on the left.

# %%
browser = xe.RecordingBrowser(recorded)
browser.pick(row)
browser

# %% [markdown]
# ## Conclusion
#
# 36,579 of dom0's calls have a buffer in vmalloc space (2,214 of them on the hardirq stack), 130 in the directmap. The frequent calls need one to four walks today, and none
# once their page is registered.
#
# ## What would change this conclusion
#
# * This is one boot of one kernel, emulated, on one vCPU, with no active block or network backend: it shows kinds of buffers; the
#   proportions are those of this workload. Record your own: the format is described in the package (`recording/format/FORMAT.md`).
# * A kernel without `CONFIG_VMAP_STACK` has its stacks, and so nearly all of these buffers, in the directmap.
# * That a `vmalloc` address is on a task's stack is inferred from the address, not recorded.

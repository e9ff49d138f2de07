# %% [markdown]
# # At the prompt: a guest, its tables, and a design to try
#
# The other notebooks play scenarios. Here a guest is built by hand, inspected, and changed while Xen runs under it, and the session
# is saved as a scenario that replays it. It takes half an hour; every cell can be changed and run again.
#
# **Question:** what makes a registered buffer stale, and how is it put right?
#
# ## Build a guest, place a buffer
#
# A guest has a kernel's address-space layout and real page tables in its own memory. `struct=` places a struct from Xen's public
# headers; its fields are attributes, backed by guest memory.
#
# The Tab key completes names: places after `guest.buffer.`, structs after `guest.buffer.stack.`, regions after `guest.regions["`,
# designs after `xe.designs.`, hypercalls after `xen.hypercall.`, and their sub-ops after those.

# %%
import xenexplore as xe

guest = xe.Guest("linux", vcpus=2)
send = guest.buffer("stack", struct="evtchn_send", port=5, name="send")
guest

# %% tags=["now"]
assert send.port == 5
send

# %% [markdown] tags=["more"]
# ## Where the areas of this kernel are
#
# The buffer is on a kernel stack, in the vmalloc area.

# %%
guest.regions

# %% [markdown]
# ## Walk its page tables
#
# `guest.walk` is Xen's software walk (`guest_walk_tables()`, `xen/arch/x86/mm/guest_walk.c`). It changes nothing, and is not part
# of the session. It ends at a guest-physical address (its frame, the gfn, is `walk.gpa.value >> 12`), or gives the level at which
# it failed (`walk.failed_level`).

# %% tags=["now"]
walk = guest.walk(send)
assert walk.ok
assert walk.gpa == send.gpa
walk

# %% [markdown]
# An entry can be changed, bit by bit; a walk afterwards shows the effect. Level 2 is the page directory:

# %%
entry = guest.page_tables.entry(send, level=2)
entry.present = False
broken = guest.walk(send)
assert broken.failed_level == 2
entry.present = True
assert guest.walk(send).ok
print(f"not present at level {broken.failed_level}")

# %% [markdown]
# ## Today's Xen
#
# `xe.Xen(guest)` puts today's Xen under the guest. A hypercall returns its own trace; `send` stands for its linear address. The
# cost of the call is in `call.outcome.calls`: `walks`, `tlb_hits`, and more. As a cell's last line, `call` displays its picture.

# %%
xen = xe.Xen(guest)
call = xen.hypercall("event_channel_op send", arg=send)
assert (call.outcome.status, call.outcome.calls.walks) == ("right", 1)
print(f"{call.outcome.status}, {call.outcome.calls.walks} walk")

# %% [markdown]
# ## A design with registered buffers
#
# The same guest under the software TLB ([03_software_tlb](03_software_tlb.ipynb)). The explorer shows the current state of the
# session, and follows later cells: the map, the registered ranges, each buffer's translation. A step, a click on the map or on a
# row of the tables, and the list all select the same buffer. An operation plays its steps; Space stops it.

# %%
xen = xe.Xen(guest, design="software-tlb", entries=8)
explorer = xe.Explorer(xen)
xen.tlb[0].register(send)
explorer

# %%
hit = xen.hypercall("event_channel_op send", arg=send)
assert (hit.outcome.calls.tlb_hits, hit.outcome.calls.walks) == (1, 0)
xen.tlb[0]

# %% [markdown]
# ## Break it
#
# The guest maps another frame at the same address: a stack that was freed and allocated again. Xen is not notified. The entry is
# stale, the call succeeds, and Xen has read the old frame.

# %% tags=["now"]
guest.remap(send)
send.port = 7
wrong = xen.hypercall("event_channel_op send", arg=send)
assert (wrong.outcome.status, wrong.outcome.result) == ("wrong", 0)
assert xen.tlb[0][0].stale == (send.va.page,)
xen.tlb[0]

# %% [markdown]
# ## Fix it
#
# A guest that remaps has to purge. After that the address misses and Xen walks, until the buffer is registered again.

# %%
xen.tlb[0].purge(send)
missed = xen.hypercall("event_channel_op send", arg=send)
xen.tlb[0].register(send)
right = xen.hypercall("event_channel_op send", arg=send)
assert (missed.outcome.status, missed.outcome.calls.walks) == ("right", 1)
assert (right.outcome.status, right.outcome.calls.walks) == ("right", 0)
print(f"after the purge {missed.outcome.calls.walks} walk, registered again {right.outcome.calls.walks}")

# %% [markdown]
# And on the other vCPU, whose table is empty:

# %%
other = xen.hypercall("event_channel_op send", arg=send, vcpu=1)
assert (other.outcome.calls.tlb_hits, other.outcome.calls.walks) == (0, 1)
xen.tlb

# %% [markdown] tags=["more"]
# ## The session is text
#
# Everything since the guest was built, as a scenario. It can be mailed, and it replays to the same trace, byte for byte.

# %%
text = xen.scenario(name="stale-stack", title="A stack buffer, remapped").text()
assert xe.run(xe.parse(text), xen.design).to_json() == xen.trace.to_json()
print(text)

# %% [markdown] tags=["more"]
# ## A guest from a recording
#
# Conversely, any scenario is a guest to continue with, and so is any recorded hypercall:

# %%
dom0 = xe.Guest.from_recording("pvh", call=2621)
real = xe.Xen(dom0)
real.replay()
assert real.outcome.status == "right"
dom0

# %% [markdown]
# ## Exercises
#
# Each begins with its own session, `e.guest` and `e.xen`, with its buffers in `e.guest.buffers`, and checks an answer against the
# model: `e.check(answer)`, or `e.check()` where the session itself is the answer. The cells above are enough for the first four.
# `e.hint()` gives a hint; `e.reset()` starts again.

# %%
xe.exercises()

# %%
e = xe.exercise("find-the-frame")
e

# %% [markdown]
# A wrong answer gets an explanation, but not the solution:

# %%
verdict = e.check(e.guest.buffers["send"].va.value >> 12)
assert not verdict.ok
verdict

# %% [markdown]
# ## Conclusion
#
# Registration saves a walk. In exchange the guest has to purge the entry at each remap of a registered buffer, on each vCPU that
# registered it: a forgotten purge is silent, since the call still succeeds.
#
# ## What would change this conclusion
#
# * A buffer that is never remapped, such as one in the directmap, cannot go stale.
# * A design that walks (today's) or takes physical addresses has no entry to go stale.

# %% [markdown]
# # Porting: what a guest kernel would have to change
#
# Terms: a **pool** is the allocator for a kernel's small buffers. To **register** a range is to give Xen its linear and
# guest-physical address in advance; to **purge** it is to withdraw the registration. To **translate** a buffer is to find its
# guest-physical address in the kernel.
#
# **Question:** for your kernel, what has to be registered, translated and purged, and what does it cost? Raised by Jan Beulich (29 Sep 2022):
# one registration over the directmap is Linux-centric; a kernel without a directmap might need intrusive changes.
# ## Where pools and stacks are
#
# | kernel | small buffers | kernel stacks | code that changes kernel page tables |
# |---|---|---|---|
# | Linux | `kmalloc()`: directmap | `vmalloc` space (`CONFIG_VMAP_STACK`), else directmap | the kernel: `vmap()`, `set_memory_*()`, modules |
# | FreeBSD 14 | `malloc(9)`: directmap up to a page, kernel map above | kernel map, behind a guard page | the kernel: `pmap_qenter()`, `kmem_malloc()` |
# | Windows, as a PV driver sees it | pools, page by page | page by page | the kernel, not the driver |
# | unikernel, Mini-OS | the single mapping of all memory | the same mapping | none after boot; Mini-OS: `map_frames_ex()` |
#
# The layouts of Linux, FreeBSD and the unikernel follow their sources; *no-directmap* stands for Windows, whose source is not public.

# %%
import xenexplore as xe

KERNELS = ("linux", "freebsd", "no-directmap", "unikernel")
lives = {}
for kernel in KERNELS:
    domain = xe.Domain(xe.GuestSpec(kernel=kernel))
    for place in ("kmalloc", "stack"):
        va = domain.place(place, place, 64).va
        lives[kernel, place] = next(r for r in domain.regions[::-1] if va in r)
        print(f"{kernel:12} {place:8} {va.hex()} {lives[kernel, place].name}")
linear = {where: region.physical is not None for where, region in lives.items()}
assert [linear[kernel, "kmalloc"] for kernel in KERNELS] == [True, True, False, True]
assert [linear[kernel, "stack"] for kernel in KERNELS] == [False, False, False, True]

# %% [markdown]
# ## One call on each kernel
#
# `XENMEM_populate_physmap` with 600 extents: the struct on the stack, an array of 4800 bytes from the pool. FreeBSD allocates more
# than a page from its kernel map, frame by frame: the range over its directmap serves neither buffer, and a flat address is wrong,
# as without a directmap.

# %%
text = xe.load("no-directmap").text()
runs = {}
print("kernel       today  giant-map      registered      flat")
for kernel in KERNELS:
    call = text.replace('kernel = "no-directmap"', f'kernel = "{kernel}"')
    runs[kernel] = xe.compare(xe.parse(call)).outcomes
    today, giant, tlb, flat = (
        runs[kernel][name] for name in ("linear-walk", "giant-map", "software-tlb", "number-bit")
    )
    covered = f"{giant.calls.tlb_hits} hits" if giant.status == "right" else giant.status
    print(f"{kernel:12} {today.calls.walks} walks {covered:13}", end=" ")
    print(f"{tlb.setup.tlb_inserts} entries, {tlb.calls.walks} walks {flat.status}")
hits = {kernel: found["giant-map"].calls.tlb_hits for kernel, found in runs.items()}
assert hits == {"linux": 600, "freebsd": 0, "no-directmap": 0, "unikernel": 601}
assert {found["linear-walk"].calls.walks for found in runs.values()} == {601}
entries = [runs[kernel]["software-tlb"].setup.tlb_inserts for kernel in KERNELS]
assert entries == [5, 6, 8, 2]
statuses = [runs[kernel]["number-bit"].status for kernel in KERNELS]
assert statuses == ["right", "wrong", "wrong", "right"]

# %% [markdown]
# ## The cost for a mix of buffers
#
# The recorded dom0 (Linux) passes this mix of buffers. If another kernel passed the same mix from the same kinds of memory, one
# range over all its linearly mapped memory would serve this much. The real mix of FreeBSD and Windows was not recorded.

# %%
index = xe.CallIndex(xe.open_recording("pvh"))
mix = {region: len(index.find(domain="dom0", region=region)) for region in index.regions()}
stacks, pool = mix["vmalloc"] + mix["hardirq stack"], mix["directmap"]
assert (stacks, pool) == (36_579, 130)
for kernel in KERNELS:
    served = stacks * linear[kernel, "stack"] + pool * linear[kernel, "kmalloc"]
    print(f"{kernel:12} {served:6,} of {stacks + pool:,} calls with a stack or pool buffer")

# %% [markdown]
# ## Where to change the kernel
#
# | | once | where to register | where to purge | which calls to translate (flat, lists) |
# |---|---|---|---|---|
# | Linux | directmap and image: two entries | `alloc_thread_stack_node()` | `free_thread_stack()`, `vfree()`, `free_module()` | all: every handle, including those inside structs (privcmd: [07](07_privcmd.ipynb)) |
# | FreeBSD | DMAP and image: two entries | `vm_thread_new()`, large `malloc(9)` | `vm_thread_dispose()`, `kmem_free()` | all; `vtophys()` for each page |
# | Windows | – | the driver's own buffers, few and permanent | before `ExFreePool…` | all; `MmGetPhysicalAddress()` for each page |
# | unikernel, Mini-OS | one entry | nowhere else | nowhere | none: addresses are physical already |
#
# With a table for each vCPU a task's stack is registered wherever the task may run ([04](04_whose_tlb.ipynb)). An encrypted guest must also
# share each of these pages with Xen ([05](05_encrypted_guests.ipynb)). The functions: Linux 6.1 `kernel/fork.c`, `mm/vmalloc.c`,
# `kernel/module/main.c`; FreeBSD 14 `sys/vm/vm_glue.c`, `sys/vm/vm_kern.c`; Mini-OS `arch/x86/mm.c`; Windows' documented driver interface.
# The choice of hooks is our judgement; it was not tested in a kernel.
#
# ## Conclusion
#
# A unikernel is served by one entry, and its addresses are physical already. Linux and FreeBSD have a directmap but keep stacks
# elsewhere: one range serves 130 of 36,709 such calls, so stacks have to be registered one by one, or each handle translated.
# FreeBSD's large allocations are scattered, as are all of Windows' allocations: there a flat address is silently wrong.
#
# ## What would change this conclusion
#
# * A recording of FreeBSD, Windows or Mini-OS: `xenexplore record` makes one of a Linux guest.
# * A kernel that passes its small arguments from a few permanent pages, as a driver can, needs only as many entries.
# * `CONFIG_VMAP_STACK=n`, or stacks as in the unikernel: all of them are in the linear range.

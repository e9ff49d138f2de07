# %% [markdown]
# # privcmd: buffers of user processes
#
# Terms: **privcmd** is Linux's device through which toolstacks make hypercalls (`/dev/xen/privcmd`). Their buffers have *user*
# addresses. Pages of `/dev/xen/hypercall` are allocated by the kernel and mapped into the process: they do not move.
#
# **Question:** which designs help with calls that the kernel merely passes on? Jan Beulich (28 and 29 Sep 2022): the kernel would have to
# understand each call; the directmap registration does not help privcmd.
#
# ## One user address, two processes
#
# A registered user range is not tied to a process. After a switch the lookup hits, and reaches the other process's page:

# %%
import xenexplore as xe

switch = xe.load("privcmd-process-switch")
kept = xe.run(switch, "tlb, kept")
assert (kept.outcome.status, kept.outcome.result, kept.outcome.wrong_bytes) == ("wrong", 0, 4)
xe.Stepper(kept)

# %% [markdown]
# Two fixes for the table: purge when CR3 changes (*tlb, purged*), or tag each entry with CR3 (*tlb, tagged*). Either makes the second call a
# miss. Registering no user ranges at all is right too (*tlb, global only*; the error is from the registration). With the bit, the
# kernel may leave user handles linear (*bit, linear*), or translate them call by call (*bit, physical*).

# %%
comparison = xe.compare(switch, [
    "linear-walk", "tlb, kept", "tlb, purged", "tlb, tagged", "tlb, global only",
    "bit, linear", "bit, physical",
])
status = {label: outcome.status for label, outcome in comparison.outcomes.items()}
assert [label for label in status if status[label] == "wrong"] == ["tlb, kept"]
assert [label for label in status if status[label] == "error"] == ["tlb, global only"]
assert comparison.outcomes["tlb, global only"].right_bytes == 8
assert comparison.outcomes["tlb, purged"].calls.walks == 1
assert comparison.outcomes["tlb, tagged"].calls.walks == 1
xe.ComparisonView(comparison, folded=True)

# %% [markdown] tags=["more"]
# ## A handle inside a struct
#
# Translating registers is not enough: toolstack structs contain handles, too.

# %%
inside = xe.load("privcmd-nested-handle")
nested = xe.compare(inside, [
    "linear-walk", "software-tlb", "bit, linear", "bit, physical", "address-bits",
    "sg-policy", "bounce",
])
physical = nested.outcomes["bit, physical"]
assert (physical.status, physical.result, physical.wrong_bytes) == ("wrong", 0, 1904)
assert (physical.calls.guest_translations, physical.calls.guest_bytes_written) == (3, 8)
assert nested.outcomes["bounce"].status == "refused"
xe.ComparisonView(nested, folded=True)

# %% [markdown]
# The kernel must find the handle in the struct and rewrite it (8 bytes), and translate three pages. Even then a flat address is wrong: the
# blob's two frames are not contiguous.

# %% [markdown] tags=["more"]
# ## User pages move
#
# The kernel moves the heap page and does not notify Xen. The entry still has the old frame, and the call returns 0.

# %%
moves = xe.compare(xe.load("user-page-moves"))
moved = moves.outcomes["software-tlb"]
assert (moved.status, moved.result) == ("wrong", 0)
assert (moved.wrong_bytes, moved.right_bytes) == (48, 48)
assert [outcome.status for outcome in moves.outcomes.values()].count("right") == 3
xe.ComparisonView(moves, folded=True)

# %% [markdown]
# The 48 right bytes went to the page of `/dev/xen/hypercall`, which did not move.

# %% [markdown]
# ## Conclusion
#
# Linear addresses require nothing new of the kernel. A registered user range must be purged or tagged at each switch, and its page
# must not move. Physical addresses need a kernel that knows about every handle in every struct.
#
# ## What would change this conclusion
#
# * If toolstacks used `/dev/xen/hypercall` for everything, their pages would be stable, and registering them would be safe for as long as
#   they are mapped.
# * Calls that describe their own buffers can be translated by a kernel that does not understand them. There is one such call: `dm_op` (the
#   device model's call).
# * Today's walk needs the kernel to open user access around the call with `stac` (the instruction that suspends SMAP). A new design
#   could drop that too.

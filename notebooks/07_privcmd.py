# %% [markdown]
# # privcmd: buffers of user processes
#
# Terms: **privcmd** is Linux's device through which toolstacks make hypercalls (`/dev/xen/privcmd`); their buffers have *user* addresses. Pages of
# `/dev/xen/hypercall` are allocated by the kernel and mapped into the process: they do not move.
#
# **Question:** which designs help calls that the kernel only passes on? Jan Beulich (28 and 29 Sep 2022): the kernel would have to understand each
# call; the directmap registration does not help privcmd.
#
# ## One user address, two processes

# %%
import xenexplore as xe

switch = xe.load("privcmd-process-switch")
comparison = xe.compare(switch)
xe.ComparisonView(comparison)

# %% [markdown]
# A registered user range knows no process. After a switch, the look-up hits and reaches the other process' page:

# %%
kept = xe.run(switch, "tlb, kept")
assert kept.outcome.status == "wrong"
assert kept.outcome.result == 0
xe.Stepper(kept, step=23)

# %%
status = {path.option.label: path.outcome.status for path in comparison.paths}
assert status["tlb, purged"] == status["tlb, tagged"] == "right"
print("purged on a switch, or tagged by CR3:", status["tlb, purged"], status["tlb, tagged"])

# %% [markdown]
# ## A handle inside a struct
#
# Translating registers is not enough: toolstack structs hold handles, too, and the kernel would have to know where.

# %%
nested = xe.compare(xe.load("privcmd-nested-handle"))
xe.ComparisonView(nested)

# %% [markdown]
# ## User pages move

# %%
moves = xe.compare(xe.load("user-page-moves"))
xe.ComparisonView(moves)

# %% [markdown]
# ## Which buffers of a Linux guest are covered at all?

# %%
buffers = xe.compare(xe.load("real-buffers"))
xe.ComparisonView(buffers)

# %% [markdown]
# ## What would change this conclusion
#
# * If toolstacks used `/dev/xen/hypercall` for everything, their pages would be stable, and registering them would be safe for as long as they are mapped.
# * Calls that describe their own buffers (`dm_op`) can be translated by a kernel that does not understand them.
# * Today's walk needs the kernel to open user access (`stac`) around the call; that, too, is a thing a new design could drop.

# %% [markdown]
# # Large and straddling buffers: flat addresses and lists
#
# Terms: a buffer **straddles** if it crosses a page boundary. **Flat**: one physical address for the whole buffer.
# **Scatter/gather**: a list of its pages, or of (address, length) pairs (**tuples**). A page of 64-bit gfns describes 512 pages, or
# 511 if its first word is the offset of the first byte (**offset slot**). A **list read** is one word of a list, read by Xen.
#
# **Question:** what happens to buffers whose frames are not contiguous? Raised by Jan Beulich (28 Sep 2022) with the
# flavour bit.
#
# ## The naive version: take the physical address of the first byte
#
# 48 bytes at offset 4080: the second piece is in another frame, but the flat address implies the next frame.

# %%
import xenexplore as xe

straddle = xe.load("straddle")
flat = xe.compare(straddle, [
    "linear-walk", "flat", "flat, checked", "domain-mode", "sg, flat", "fastabi",
])
status = {label: outcome.status for label, outcome in flat.outcomes.items()}
assert status["flat"] == status["domain-mode"] == status["sg, flat"] == "wrong"
assert (flat.outcomes["flat"].result, flat.outcomes["flat"].wrong_bytes) == (0, 32)
assert flat.outcomes["flat"].hazards == ("not contiguous",)
assert status["flat, checked"] == "refused"
xe.ComparisonView(flat, folded=True)

# %% [markdown]
# The 32 bytes go to a frame that the caller did not mean, and the call returns 0. *Flat, checked* is a kernel that checks first and
# does not make the call.
#
# Lists and registrations get it right. *tlb, per piece* looks the second piece up again; *tlb, one entry* treats an access that
# extends past its entry as a miss, and walks.

# %%
listed = xe.compare(straddle, [
    "linear-walk", "address-bits", "sg, lists", "gfn-lists", "tlb, per piece",
    "tlb, one entry", "bounce",
])
assert {outcome.status for outcome in listed.outcomes.values()} == {"right"}
calls = {label: outcome.calls for label, outcome in listed.outcomes.items()}
assert {calls[label].list_reads for label in ("address-bits", "sg, lists", "gfn-lists")} == {3}
assert (calls["tlb, per piece"].walks, calls["tlb, one entry"].walks) == (0, 2)
xe.ComparisonView(listed, folded=True)

# %% [markdown]
# ## An array
#
# An array whose element size is not a power of two straddles by itself. There is a larger problem: with a flat address, everything
# past the first page is wrong.

# %%
arrays = xe.load("straddle-arrays")
array = xe.compare(arrays, ["linear-walk", "tlb, per piece", "sg, lists", "number-bit", "bounce"])
today, physical = array.outcomes["linear-walk"], array.outcomes["number-bit"]
assert today.calls.walks - today.calls.copies == 4  # each of the 4 is read in two pieces
assert 4096 // 40 == 102
assert (physical.status, physical.result, physical.wrong_bytes) == ("wrong", 0, 17_204)
assert array.outcomes["tlb, per piece"].setup.tlb_inserts == 5
xe.ComparisonView(array, folded=True)

# %% [markdown] tags=["more"]
# ## Lists: their layouts
#
# With gfns in an array, element *i* is found with two reads (*offset slot*), or with one if buffers are page-aligned (*aligned*).
# With *tuples* Xen has to scan from the first element.

# %%
layouts = xe.compare(xe.load("list-layouts"))
reads = {label: outcome.calls.list_reads for label, outcome in layouts.outcomes.items()}
assert (reads["tuples"], reads["offset slot"], reads["aligned"]) == (4100, 2050, 1026)
assert {outcome.status for outcome in layouts.outcomes.values()} == {"right"}
xe.ComparisonView(layouts, folded=True)

# %%
for label in ("tuples", "offset slot", "aligned"):
    copies = layouts.outcomes[label].calls.copies
    print(f"{label:12} {reads[label]:5,} list reads for {copies:,} copies")

# %% [markdown]
# ## When one list page is not enough
#
# 2 MiB in one copy, 512 frames. *sg, aligned* needs one list page; *sg, offset* and *bits, tuples* need a second level. `gfn-lists`
# is refused: its registered page holds a list of 511. The software TLB needs an entry for each page of the blob, and four for the
# stack.

# %%
blob = xe.load("large-buffer")
large = xe.compare(blob, [
    "linear-walk", "sg, aligned", "sg, offset", "bits, tuples", "gfn-lists", "software-tlb",
    "number-bit",
])
found = large.outcomes
lists = [found[label].calls.list_reads for label in ("sg, aligned", "sg, offset", "bits, tuples")]
assert lists == [512, 1026, 2048]
assert found["gfn-lists"].status == "refused"
assert "511 frames" in found["gfn-lists"].refusals[0]
assert found["software-tlb"].setup.tlb_inserts == 512 + 4 == 516
assert (found["number-bit"].status, found["number-bit"].result) == ("wrong", 0)
xe.ComparisonView(large, folded=True)

# %% [markdown] tags=["more"]
# ## Bounce pages
#
# A static bounce page has to hold all arguments of a call at once. 507 extents fit in the page, 512 do not. Flipping the buffers' own pages has
# no such limit.

# %%
limit = xe.compare(xe.load("bounce-limit"))
assert (limit.outcomes["static"].status, limit.outcomes["flip"].status) == ("refused", "right")
assert "4128 bytes" in limit.outcomes["static"].refusals[0]
assert 32 + 507 * 8 < 4096 <= 32 + 512 * 8
xe.ComparisonView(limit, folded=True)

# %% [markdown]
# ## Conclusion
#
# A flat address is right only for contiguous frames. Otherwise it is wrong, and the call still returns 0. Lists are right, and so
# is one entry per page. They cost list reads, or 516 registrations for 2 MiB.
#
# ## What would change this conclusion
#
# * A guest that checks its frames before it passes a flat address is safe, and has to find another way when they are not contiguous.
# * Which calls really pass more than a page depends on the workload: in the recorded boot the largest buffer has 13,966 bytes, and
#   2 of 53,778 cross a page ([11_findings](11_findings.ipynb)).
# * Here frames behind `vmalloc` addresses are never contiguous. In a real kernel they sometimes are, which makes the error rarer
#   and harder to find.

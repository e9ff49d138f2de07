# %% [markdown]
# # Large and straddling buffers: flat, lists, and who reads the list
#
# Terms: a buffer **straddles** if it crosses a page boundary. **Flat**: one physical address for the whole buffer. **Scatter/gather**: a list of the
# pages, or of (address, length) pairs (*tuples*). A page of 64-bit GFNs describes 512 pages, or 511 if its first word is the offset.
#
# **Question:** what happens to buffers whose frames do not follow each other? Raised by Jan Beulich (28 Sep 2022) with the flavour bit.
#
# ## The naive version: take the physical address of the first byte
#
# 48 bytes at offset 4080: the second piece is in another frame. The flat address says it is in the next one.

# %%
import xenexplore as xe

straddle = xe.compare(xe.load("straddle"))
xe.ComparisonView(straddle)

# %%
flat = next(path for path in straddle.paths if path.option.name == "number-bit")
assert flat.outcome.status == "wrong"
assert flat.outcome.result == 0
assert flat.outcome.hazards
print("returns 0;", flat.outcome.wrong_bytes, "bytes moved to or from a frame that the caller did not mean")

# %% [markdown]
# An array whose elements are not a power of two in size straddles on its own: of 512 elements of 40 bytes that begin on a page, 4 cross one.

# %%
array = xe.compare(xe.load("straddle-arrays"))
xe.ComparisonView(array)

# %% [markdown]
# ## Lists
#
# With GFNs in an array, element *i* is found by two reads (or by one, if buffers begin on a page). With tuples Xen has to scan from the first.

# %%
layouts = xe.compare(xe.load("list-layouts"))
xe.ComparisonView(layouts)

# %%
reads = {path.option.label: path.outcome.calls.list_reads for path in layouts.paths}
print(reads)
assert max(reads.values()) > min(value for value in reads.values() if value)

# %% [markdown]
# ## When one list page is not enough

# %%
large = xe.compare(xe.load("large-buffer"))
xe.ComparisonView(large)

# %% [markdown]
# ## Bounce pages
#
# A static bounce page has to hold all arguments of a call at once.

# %%
limit = xe.compare(xe.load("bounce-limit"))
xe.ComparisonView(limit)

# %%
assert any(path.outcome.status == "refused" for path in limit.paths)

# %% [markdown]
# ## What would change this conclusion
#
# * A guest that checks its frames before it passes a flat address is safe, and has to do something else when they do not follow each other.
# * Which calls really pass more than a page is a question of use: in the recorded boot the largest buffer has 13,966 bytes, and 2 of 53,778 cross a page ([11_findings](11_findings.ipynb)).
# * Here frames behind vmalloc addresses never follow each other; in a real kernel they sometimes do, which makes the mistake rarer and harder to find.

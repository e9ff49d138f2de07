"""Hypothesis strategies that the tests of several rooms share."""

from __future__ import annotations

from hypothesis import strategies as st

from xenexplore.addr import Gfn, Gpa, Gva, Maddr, Mfn, canonical

__all__ = ["gfns", "gpas", "gvas", "maddrs", "mfns", "page_bytes", "u32", "u64"]

u32 = st.integers(0, (1 << 32) - 1)
u64 = st.integers(0, (1 << 64) - 1)


def gvas(bits: int = 48) -> st.SearchStrategy[Gva]:
    """Canonical linear addresses of 48- or 57-bit paging."""
    return st.integers(0, (1 << bits) - 1).map(lambda low: Gva(canonical(low, bits)))


def gpas(bits: int = 40) -> st.SearchStrategy[Gpa]:
    return st.integers(0, (1 << bits) - 1).map(Gpa)


def maddrs(bits: int = 40) -> st.SearchStrategy[Maddr]:
    return st.integers(0, (1 << bits) - 1).map(Maddr)


def gfns(bits: int = 28) -> st.SearchStrategy[Gfn]:
    return st.integers(0, (1 << bits) - 1).map(Gfn)


def mfns(bits: int = 28) -> st.SearchStrategy[Mfn]:
    return st.integers(0, (1 << bits) - 1).map(Mfn)


def page_bytes(size: int = 4096) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=size, max_size=size)

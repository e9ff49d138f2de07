"""Xen's handling of a hypercall: entry, dispatch, copies, continuation, multicall."""

from __future__ import annotations

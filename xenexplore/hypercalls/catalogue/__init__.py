"""The catalogue's entries: every hypercall and sub-op."""

from __future__ import annotations

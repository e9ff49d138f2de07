"""Findings of recordings about each design: replay, coverage, entries, cost."""

from __future__ import annotations

"""What the recordings say about each design: replay, coverage, entries, cost."""

from __future__ import annotations

"""Measurements on a workload: coverage, entries, curves, sizes, costs."""

from __future__ import annotations

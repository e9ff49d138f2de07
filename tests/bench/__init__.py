"""Benchmarks: run from tests/ as ``python -m bench.NAME``; not collected by pytest."""

from __future__ import annotations

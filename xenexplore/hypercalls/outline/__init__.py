"""Copy plans and entries for display."""

from __future__ import annotations

"""Copy plans and entries as readers see them."""

from __future__ import annotations

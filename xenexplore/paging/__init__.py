"""Guest page tables: bit-exact entries, a builder, the walk and the batch walker."""

from __future__ import annotations

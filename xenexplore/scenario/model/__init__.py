"""A scenario as frozen records, and the values in them."""

from __future__ import annotations

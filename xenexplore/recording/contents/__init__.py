"""What a recording contains: summary, layouts, buffers, an index of calls."""

from __future__ import annotations

"""Where buffers go: frames, addresses, placements."""

from __future__ import annotations

"""Contents of a recording: summary, layouts, buffers, an index of calls."""

from __future__ import annotations

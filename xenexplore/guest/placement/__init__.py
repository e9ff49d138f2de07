"""Placement of buffers: frames, addresses, allocators."""

from __future__ import annotations

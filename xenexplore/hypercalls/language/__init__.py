"""The language that copy plans are written in."""

from __future__ import annotations

"""Page tables as arrays: millions of walks at once, whole address spaces as runs."""

from __future__ import annotations

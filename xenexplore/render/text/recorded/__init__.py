"""Recordings, and what they say, as 72-column text."""

from __future__ import annotations

"""Scenarios as text: the format, its loader and writer, and the built-in library."""

from __future__ import annotations

"""Recordings of real hypercalls: format, reader, writer, regions, explanation."""

from __future__ import annotations

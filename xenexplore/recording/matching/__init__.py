"""Recorded hypercalls matched with the catalogue's copy plans."""

from __future__ import annotations

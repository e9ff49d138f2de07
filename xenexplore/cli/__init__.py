"""The xenexplore command line."""

from __future__ import annotations

"""The analysis as plots, and their numbers as text."""

from __future__ import annotations

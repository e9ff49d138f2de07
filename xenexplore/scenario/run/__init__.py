"""What runs a scenario, and what a run leaves: trace, comparison, matrix."""

from __future__ import annotations

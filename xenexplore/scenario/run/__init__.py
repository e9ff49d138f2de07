"""Running a scenario, and the results: trace, comparison, matrix."""

from __future__ import annotations

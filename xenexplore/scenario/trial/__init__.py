"""A design put to the test: random machines, a judge, and the smallest case that fails."""

from __future__ import annotations

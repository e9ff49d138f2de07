"""View records computed from a trace: what every form of a view shows."""

from __future__ import annotations

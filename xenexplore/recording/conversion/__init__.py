"""From a recorded hypercall to a scenario."""

from __future__ import annotations

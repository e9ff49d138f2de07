"""Every recorded access under every design."""

from __future__ import annotations

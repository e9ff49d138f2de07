"""Copy plans interpreted: predicted, and matched with real copies."""

from __future__ import annotations

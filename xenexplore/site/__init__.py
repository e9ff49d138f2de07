"""The static site: every scenario under every design, stepped through in a browser."""

from __future__ import annotations

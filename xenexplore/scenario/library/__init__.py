"""The built-in scenarios: one TOML text each, and what finds them."""

from __future__ import annotations

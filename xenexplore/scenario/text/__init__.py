"""A scenario as TOML: loader, writer, recipes."""

from __future__ import annotations

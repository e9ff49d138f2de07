"""The recorded accesses as columns, and what is derived from them alone."""

from __future__ import annotations

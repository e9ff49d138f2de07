"""Guest address spaces as named regions, and the symbols in them."""

from __future__ import annotations

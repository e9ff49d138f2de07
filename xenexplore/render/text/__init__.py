"""Text for mail: 72 columns, ASCII unless asked otherwise."""

from __future__ import annotations

"""One run, or several compared, as 72-column text."""

from __future__ import annotations

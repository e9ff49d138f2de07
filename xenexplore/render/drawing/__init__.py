"""A drawing of shapes: canvas, glyphs, theme, text metrics, PNG and PDF."""

from __future__ import annotations

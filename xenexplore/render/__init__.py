"""Views computed from recorded steps: 72-column text, SVG, matplotlib, HTML."""

from __future__ import annotations

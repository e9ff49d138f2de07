"""Functions for the command line's features; :mod:`xenexplore` exports them."""

from __future__ import annotations

"""One line each for what the command line can; :mod:`xenexplore` offers them as its own names."""

from __future__ import annotations

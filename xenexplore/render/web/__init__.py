"""Parts for a browser: the offline page, the report page, the stepper's sources."""

from __future__ import annotations

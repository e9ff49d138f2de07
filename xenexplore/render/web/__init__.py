"""What a browser shows: the offline page, the report page, the stepper's sources."""

from __future__ import annotations

"""The recording format: columns, records, reader, writer."""

from __future__ import annotations

"""The catalogue of hypercalls: numbers, argument structs, guest handles, copy plans."""

from __future__ import annotations

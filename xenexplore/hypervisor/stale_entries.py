"""Hazards of registered buffers in guests that do not purge."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["STALE_ENTRIES"]

_STALE = (
    "an entry that the guest does not purge remains in use, as stale-entry expects of "
    "software-tlb (Marquis, 28 Jul 2020, of an area that is translated once)"
)
STALE_ENTRIES: Mapping[str, tuple[int, str]] = {
    "privcmd-process-switch": (4, _STALE),
    "stale-entry": (48, _STALE),
    "user-page-moves": (48, _STALE),
}
"""Scenario to bytes that go astray, and why: a design's ``hazards``."""

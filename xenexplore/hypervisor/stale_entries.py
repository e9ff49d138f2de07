"""Hazards of registered buffers in guests that do not purge."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["STALE_ENTRIES"]

STALE_ENTRIES: Mapping[str, tuple[int, str]] = {
    "privcmd-process-switch": (
        4,
        (
            "a table searched by address does not distinguish processes: an entry of one "
            "process serves the same address in another, unless entries are purged or tagged on "
            "a switch (on_switch), as the scenario expects of software-tlb where they are kept "
            "(ours)"
        ),
    ),
    "stale-entry": (
        48,
        (
            "an entry that the guest does not purge when it remaps remains in use, as the "
            "scenario expects of software-tlb (Marquis' patch of 28 Jul 2020, for an area that "
            "is translated once)"
        ),
    ),
    "user-page-moves": (
        48,
        (
            "a kernel that moves a process's page has no reason to purge an entry for it, as "
            "the scenario expects of software-tlb (ours)"
        ),
    ),
}
"""Scenario to the number of misplaced bytes, and the reason: a design's ``hazards``."""

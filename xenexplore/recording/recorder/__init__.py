"""The recorder: boots an unmodified Xen under an emulator and records its hypercalls.

Nothing here needs root: Debian's packages are downloaded by apt-get into a folder of
the user's choice, checked by Debian's keys, and unpacked, not installed.
"""

from __future__ import annotations

from xenexplore.recording.recorder.options import Options
from xenexplore.recording.recorder.session import record
from xenexplore.recording.recorder.setup import RecorderSetup

__all__ = ["Options", "RecorderSetup", "record"]

"""Real hypercall recordings: the format, reader, writer, what they hold, and what explains them.

See FORMAT.md and data/PROVENANCE.md beside this file.
"""

from __future__ import annotations

from xenexplore.recording.columns import (
    DIRECTIONS,
    UNHANDLED,
    Accesses,
    Calls,
    Damage,
    Domain,
    Recording,
    Walks,
)
from xenexplore.recording.reader import iter_chunks, read_recording
from xenexplore.recording.stream import BUILT_INS, built_in_path
from xenexplore.recording.writer import RecordingWriter, write_recording

__all__ = [
    "BUILT_INS",
    "DIRECTIONS",
    "UNHANDLED",
    "Accesses",
    "Calls",
    "Damage",
    "Domain",
    "Recording",
    "RecordingWriter",
    "Walks",
    "built_in_path",
    "iter_chunks",
    "read_recording",
    "write_recording",
]

"""Recordings of real hypercalls: format, reader, writer, contents, explanation.

See format/FORMAT.md and data/PROVENANCE.md beside this file.
"""

from __future__ import annotations

from xenexplore.recording.format.columns import (
    DIRECTIONS,
    UNHANDLED,
    Accesses,
    Calls,
    Damage,
    RecordedDomain,
    Recording,
    Walks,
)
from xenexplore.recording.format.reader import iter_chunks, read_recording
from xenexplore.recording.format.stream import BUILT_INS, built_in_path
from xenexplore.recording.format.writer import RecordingWriter, write_recording

__all__ = [
    "BUILT_INS",
    "DIRECTIONS",
    "UNHANDLED",
    "Accesses",
    "Calls",
    "Damage",
    "RecordedDomain",
    "Recording",
    "RecordingWriter",
    "Walks",
    "built_in_path",
    "iter_chunks",
    "read_recording",
    "write_recording",
]

"""Recordings of real hypercalls: contents, explanation, a call as a scenario."""

from __future__ import annotations

from os import PathLike, fspath
from typing import TypeAlias

from xenexplore.analysis.workload.find_workload import find_symbols
from xenexplore.recording.contents.summary import Summary
from xenexplore.recording.contents.summary import summarise as summarise_recording
from xenexplore.recording.conversion.to_scenario import find_row, to_scenario
from xenexplore.recording.format.columns import Recording
from xenexplore.recording.format.reader import read_recording
from xenexplore.recording.matching.matching import Matching, match_recording
from xenexplore.scenario.model.scenario import Scenario

__all__ = ["explain", "scenario_from", "summarise"]

Recorded: TypeAlias = "Recording | str | PathLike[str]"
"""A recording, its file, or a built-in's name."""


def _read(recording: Recorded) -> Recording:
    return recording if isinstance(recording, Recording) else read_recording(fspath(recording))


def summarise(recording: Recorded, *, symbols: str | PathLike[str] | None = None) -> Summary:
    """Counts, copies, sizes, walks, and buffers by region.

    Args:
        recording: a recording, its file, or a built-in's name (``"pvh"``).
        symbols: the guest kernel's ``/proc/kallsyms``; built-in recordings have their own.

    Raises:
        RecordingError: the recording is damaged.
        OSError: a file cannot be read.
    """
    read = _read(recording)
    return summarise_recording(read, find_symbols(read.source, symbols))


def explain(recording: Recorded) -> Matching:
    """Every hypercall's copies against the catalogue's copy plan.

    Args:
        recording: a recording, its file, or a built-in's name (``"pvh"``).

    Raises:
        RecordingError: the recording is damaged.
        OSError: the file cannot be read.
    """
    return match_recording(_read(recording))


def scenario_from(
    recording: Recorded,
    number: int | None = None,
    *,
    domain: str | None = None,
    row: int | None = None,
) -> Scenario:
    """A recorded hypercall as a scenario.

    Args:
        recording: a recording, its file, or a built-in's name (``"pvh"``).
        number: the hypercall's sequence number; with ``domain`` its index there, from 0.
        domain: ``"dom0"``, ``"dom1"``, ...
        row: instead of ``number``, its row in ``recording.calls``, as
            ``xe.CallIndex`` finds it.

    Raises:
        RecordingError: there is no such hypercall or domain, or the catalogue does not
            explain its copies.
        OSError: the file cannot be read.

    >>> scenario_from("pvh", 0, domain="dom1")
    <Scenario pvh-36567: pvh guest, 1 action, 4 options>
    """
    if (number is None) == (row is None):
        raise TypeError("scenario_from() takes the hypercall's number, or its row")
    read = _read(recording)
    if row is None:
        assert number is not None
        row = find_row(read, number, domain=domain)
    return to_scenario(read, row)

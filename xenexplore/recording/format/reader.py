"""Read a recording: whole, or chunk by chunk in bounded memory.

Fast path: a block of whole lines is decoded at once and its records' order is
checked with NumPy.  When anything in a block is wrong, the block is gone
through line by line to say what and where.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np

from xenexplore.errors import RecordingError
from xenexplore.files import shown_size
from xenexplore.recording.format.assembler import Assembler
from xenexplore.recording.format.columns import Accesses, Calls, Damage, Recording, Walks
from xenexplore.recording.format.counts import RecordCounts
from xenexplore.recording.format.record_lines import BadLine, decoders, read_line, version_of
from xenexplore.recording.format.stream import Cut, blocks

__all__ = ["iter_chunks", "read_recording"]


# A record has at most 26 fields of 64 bits; a header holds what was written into it.
_LONGEST_LINE = 1 << 20


def read_recording(
    source: str | Path, *, strict: bool = True, limit: int | None = None
) -> Recording:
    """Read a whole recording into columns.

    Args:
        source: a path (plain or ``.zst``), a built-in's name (``"pvh"``), or
            ``"-"`` for standard input.
        strict: raise on a damaged file; otherwise return the records before the damage, with place
            and reason in ``.damage``.
        limit: maximum bytes of decompressed text; None for 4 GiB.

    Raises:
        RecordingError: a record is wrong (strict), no complete record precedes the damage, or the
            text exceeds the limit; the message has the line's number.
        OSError: the file cannot be read.

    >>> read_recording("pvh")
    <Recording pvh: 41391 hypercalls, 97089 accesses, 97091 walks, 2 domains>
    """
    return _joined(list(iter_chunks(source, strict=strict, limit=limit)))


def iter_chunks(
    source: str | Path,
    *,
    calls: int = 1 << 16,
    strict: bool = True,
    limit: int | None = None,
) -> Iterator[Recording]:
    """Read a recording as consecutive pieces of about ``calls`` hypercalls each.

    A hypercall is never parted from its accesses and walks.  Rows and
    ``call`` columns count from 0 in each chunk, ``seq`` and ``domain`` are
    the recording's own; ``domains`` grows as domains appear.  Memory is
    bounded by the chunk, not by the file.

    Raises:
        RecordingError: as :func:`read_recording`; with ``strict=False`` the
            last chunk carries the ``damage`` instead.
        OSError: the file cannot be read.
    """
    reader = _Lines(source, limit)
    for _ in reader.run():
        assembler = reader.assembler
        while assembler.complete_calls > calls:
            yield assembler.take(calls)
    damage, assembler = reader.damage, reader.assembler
    if damage is not None and (strict or not assembler.records):
        raise RecordingError(
            source,
            f"line {damage.line} (byte {damage.byte})",
            expected=reader.expected,
            got=reader.got,
            hint=reader.hint or ("" if strict else "no whole record comes before it"),
        )
    yield assembler.take(None, damage)


def _joined(chunks: Sequence[Recording]) -> Recording:
    """Consecutive chunks of one recording as one."""
    accesses, walks, rows, access_rows = [], [], 0, 0
    for chunk in chunks:
        accesses.append(replace(chunk.accesses, call=chunk.accesses.call + rows))
        moved = np.where(chunk.walks.access < 0, -1, chunk.walks.access + access_rows)
        walks.append(replace(chunk.walks, call=chunk.walks.call + rows, access=moved))
        rows += len(chunk.calls)
        access_rows += len(chunk.accesses)
    counts = [chunk.counts for chunk in chunks if chunk.counts is not None]
    return replace(
        chunks[-1],
        calls=Calls.concatenate([chunk.calls for chunk in chunks]),
        accesses=Accesses.concatenate(accesses),
        walks=Walks.concatenate(walks),
        counts=RecordCounts.concatenate(counts) if counts else None,
    )


def _endless(rest: bytes) -> BadLine:
    """Message about a line that does not end."""
    expected = f"one JSON object on a line of at most {shown_size(_LONGEST_LINE)}"
    return BadLine("", expected, f"a longer line that begins {rest[:12]!r}")


class _Lines:
    """Cuts blocks into lines, feeds them to an assembler, and says where it had to stop."""

    def __init__(self, source: str | Path, limit: int | None) -> None:
        self._source = source
        self._limit = limit
        self._version = 0  # until the first line tells
        self.assembler = Assembler(str(source))
        self._line = 1
        self._byte = 0
        self.damage: Damage | None = None
        self.expected = self.got = self.hint = ""

    def run(self) -> Iterator[None]:
        """Feed block after block; stop at the end or at the damage."""
        rest = b""
        try:
            for block in blocks(self._source, self._limit):
                text = rest + block
                end = text.rfind(b"\n") + 1
                rest = text[end:]
                if end:
                    self._feed(text[:end])
                    yield
                if self.damage is None and len(rest) > _LONGEST_LINE:
                    self._stop(_endless(rest), cut=False)
                if self.damage is not None:
                    return
        except Cut as cut:
            self._feed_rest(b"")
            self._stop(BadLine("", "the rest of the recording", str(cut)), cut=True)
            return
        self._feed_rest(rest)

    def _begin(self, text: bytes) -> None:
        """Take the format's version from the first line."""
        if not self._version:
            self._version = version_of(text.partition(b"\n")[0])
            self.assembler = Assembler(str(self._source), self._version)

    def _feed(self, text: bytes) -> None:
        """Whole lines."""
        self._begin(text)
        try:
            rows = decoders[self._version].decode_lines(text)
            whole = len(rows) == text.count(b"\n")  # decode_lines() skips empty lines
            if whole:
                self.assembler.add(rows)
        except (BadLine, msgspec.DecodeError, OverflowError, TypeError, UnicodeDecodeError):
            whole = False
        if not whole:
            self._feed_slowly(text)
            return
        self._line += len(rows)
        self._byte += len(text)

    def _feed_slowly(self, text: bytes) -> None:
        """One of these lines is bad: use those before it, say what is wrong with it."""
        for line in text.splitlines(keepends=True):
            try:
                self.assembler.add([read_line(line.rstrip(b"\n"), self._version)])
            except BadLine as bad:
                self._stop(bad, cut=False)
                return
            self._line += 1
            self._byte += len(line)
        raise AssertionError("a block of lines is bad and each line is good")

    def _feed_rest(self, rest: bytes) -> None:
        """Read the rest after the last newline: a last record, or the start of one."""
        if not rest:
            return
        self._begin(rest)
        try:
            self.assembler.add([read_line(rest, self._version)])
        except BadLine as bad:
            try:
                msgspec.json.decode(rest)
            except (msgspec.DecodeError, UnicodeDecodeError):
                whole = BadLine("", "a whole record", f"{len(rest)} bytes and the file's end")
                self._stop(whole, cut=True)
                return
            self._stop(bad, cut=False)

    def _stop(self, bad: BadLine, *, cut: bool) -> None:
        at = f"field {bad.field}: " if bad.field else ""
        self.damage = Damage(self._line, self._byte, f"{at}{bad}", cut)
        self.expected = f"{bad.expected}{f' in field {bad.field}' if bad.field else ''}"
        self.got, self.hint = bad.got, bad.hint

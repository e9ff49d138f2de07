"""The bytes of an input file, plain or zstd-compressed, within a stated limit.

Every file that a person hands to xenexplore is read here.  A compressed file of
a few hundred kilobytes can unfold to gigabytes, and a line without an end can be
as long as its file: content is produced piece by piece, what a frame's header
says of its size is looked at first, and nothing is read beyond the limit.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import IO, Any, Final

from xenexplore.errors import InputError

__all__ = [
    "BLOCK",
    "TEXT_LIMIT",
    "Count",
    "Cut",
    "content",
    "decoded",
    "half_of_memory",
    "is_compressed",
    "read_blocks",
    "read_bytes",
    "read_lines",
    "read_text",
    "shown_name",
    "shown_size",
]

# Content is handed on in blocks of at most this many bytes.
BLOCK: Final = 1 << 20
# Texts that a person writes: scenarios, cost tables.
TEXT_LIMIT: Final = 4 << 20
# Lines of such texts and of symbol tables; the longest that we have seen has 250 bytes.
_LONGEST_LINE: Final = 1 << 16

_MAGIC: Final = b"\x28\xb5\x2f\xfd"
# A frame that carries no content, such as pzstd puts before each of its frames: 0x184D2A50 to 5F
# (RFC 8878, 3.1.2).
_SKIPPABLE: Final = b"\x2a\x4d\x18"
_LONGEST_HEADER: Final = 18  # bytes of a frame's header (RFC 8878, 3.1.1.1)
# zstd makes at most 128 KiB of the 4 bytes of a block (RFC 8878, 3.1.1.2.3): of this many
# compressed bytes, fed at a time, 32 MiB.
_STEP: Final = 1 << 10


class Cut(Exception):  # noqa: N818
    """A compressed stream breaks off or does not decompress; the data before that is good.

    Attributes:
        at: offset in the compressed file, within a kibibyte.
        whole: False if the file ends in the middle of a frame.
        what: what zstd says.
    """

    def __init__(self, at: int, *, whole: bool, what: str) -> None:
        self.at = at
        self.whole = whole
        self.what = what
        super().__init__(
            f"the zstd stream does not decompress ({what})"
            if whole
            else "the zstd stream ends in the middle of a frame"
        )


def is_compressed(head: bytes) -> bool:
    """Whether a file that begins like this is zstd-compressed; its name does not matter."""
    return head[:4] == _MAGIC or (head[1:4] == _SKIPPABLE and 0x50 <= head[0] <= 0x5F)


def half_of_memory() -> int:
    """Half of the machine's memory, in bytes: the default limit of what is loaded whole."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


def shown_size(size: int) -> str:
    """A number of bytes in the largest unit that divides it.

    >>> shown_size(4 << 20), shown_size(1536)
    ('4 MiB', '1536 bytes')
    """
    for shift, unit in ((30, "GiB"), (20, "MiB"), (10, "KiB")):
        if size >= 10 << shift or (size >> shift and not size & (1 << shift) - 1):
            return f"{size >> shift} {unit}"
    return f"{size} bytes"


class Count:
    """Amount of a file's content that has been read, checked against the limit."""

    def __init__(
        self, source: object, limit: int, error: type[InputError], remedy: str = ""
    ) -> None:
        self._source, self._limit, self._error = source, limit, error
        self._hint = f"{remedy or 'if that is right,'} allow it with --max-size"
        self.size = 0
        self.compressed = False

    def announced(self, size: int) -> None:
        """Reject content that is too large according to a frame's header."""
        if self.size + size > self._limit:
            raise self._too_large(shown_size(self.size + size))

    def add(self, piece: bytes) -> bytes:
        """Count a piece, or reject it."""
        self.size += len(piece)
        if self.size > self._limit:
            raise self._too_large("more")
        return piece

    def _too_large(self, got: str) -> InputError:
        unfolded = " when decompressed" if self.compressed else ""
        return self._error(
            self._source, "", expected=f"at most {shown_size(self._limit)}{unfolded}", got=got,
            hint=self._hint,
        )  # fmt: skip


def _unfolded(stream: IO[bytes], head: bytes, count: Count) -> Iterator[bytes]:
    """Frame after frame of a zstd stream, in pieces of at most 32 MiB."""
    import zstandard

    count.compressed = True
    at, piece, machine = 0, head, None
    while piece:
        if machine is None:
            machine = zstandard.ZstdDecompressor().decompressobj()
            piece += stream.read(max(_LONGEST_HEADER - len(piece), 0))
            count.announced(_announced_size(piece))
        try:
            yield count.add(machine.decompress(piece))
        except zstandard.ZstdError as error:
            raise Cut(at, whole=True, what=str(error)) from None
        at += len(piece)
        piece = b""
        if machine.eof:
            piece, machine = machine.unused_data, None
            at -= len(piece)
        piece = piece or stream.read(_STEP)
    if machine is not None:
        raise Cut(at, whole=False, what="")


def _announced_size(header: bytes) -> int:
    """Size of the content by a frame's header; 0 if it does not say."""
    import zstandard

    if header[:4] != _MAGIC:
        return 0
    try:
        size = zstandard.get_frame_parameters(header).content_size
    except zstandard.ZstdError:
        return 0  # decompressing says what is wrong
    return 0 if size == zstandard.CONTENTSIZE_UNKNOWN else size


def content(stream: IO[bytes], count: Count) -> Iterator[bytes]:
    """The content of a stream, decompressed where it is compressed, in blocks."""
    head = stream.read(_STEP)
    if not is_compressed(head):
        while head:
            yield count.add(head)
            head = stream.read(BLOCK)
        return
    parts: list[bytes] = []
    gathered = 0
    try:
        for piece in _unfolded(stream, head, count):
            parts.append(piece)
            gathered += len(piece)
            if gathered >= BLOCK:
                yield from _slices(b"".join(parts))
                parts, gathered = [], 0
    except Cut:
        yield b"".join(parts)
        raise
    yield b"".join(parts)


def _slices(text: bytes) -> Iterable[bytes]:
    if len(text) <= 2 * BLOCK:
        return (text,)
    return (text[at : at + BLOCK] for at in range(0, len(text), BLOCK))


def _opened(source: str | Path, what: str, error: type[InputError]) -> Any:
    """The file, or standard input, which is not closed afterwards."""
    if str(source) != "-":
        return Path(source).open("rb")
    if sys.stdin is None:
        raise error("standard input", "", expected=what, got="a closed one")
    return nullcontext(sys.stdin.buffer)


def read_blocks(
    source: str | Path, limit: int, *, what: str, error: type[InputError] = InputError
) -> Iterator[bytes]:
    """The content of a file in blocks of about a mebibyte, in bounded memory.

    Args:
        source: a path, or ``"-"`` for standard input.
        limit: most bytes of content, decompressed.
        what: what the file should be, for messages.
        error: what is raised if it cannot be read.

    Raises:
        Cut: the compressed stream is damaged here.
        InputError: there is more than the limit; standard input is closed.
        OSError: the file cannot be read.
    """
    with _opened(source, what, error) as stream:
        yield from content(stream, Count(shown_name(source), limit, error))


def read_lines(
    source: str | Path, limit: int, *, what: str, error: type[InputError] = InputError
) -> Iterator[bytes]:
    """The lines of a file, without their ends, in bounded memory.

    Args:
        source: a path, or ``"-"`` for standard input.
        limit: most bytes of content, decompressed.
        what: what a line should be, for messages.
        error: what is raised if it cannot be read.

    Raises:
        InputError: as for :func:`read_blocks`; a line is longer than 64 KiB;
            the compressed stream is damaged.
        OSError: the file cannot be read.
    """
    rest, number = b"", 1
    try:
        for block in read_blocks(source, limit, what=what, error=error):
            lines = (rest + block).split(b"\n")
            rest = lines.pop()
            for line in lines:
                _check_length(source, number, line, what, error)
                yield line
                number += 1
            _check_length(source, number, rest, what, error)
    except Cut as cut:
        raise error(
            source, f"line {number}", expected="whole zstd data", got=str(cut),
            hint="copy the file again",
        ) from None  # fmt: skip
    if rest:
        yield rest


def _check_length(
    source: object, number: int, line: bytes, what: str, error: type[InputError]
) -> None:
    if len(line) > _LONGEST_LINE:
        raise error(
            source, f"line {number}", expected=what,
            got=f"a line of more than {shown_size(_LONGEST_LINE)} that begins {line[:12]!r}",
        )  # fmt: skip


def read_text(
    source: str | Path,
    limit: int = TEXT_LIMIT,
    *,
    what: str,
    error: type[InputError] = InputError,
) -> str:
    """A whole text file, in UTF-8.

    Args:
        source: a path, or ``"-"`` for standard input.
        limit: most bytes of content, decompressed.
        what: what the file should be, for messages.
        error: what is raised if it cannot be read.

    Raises:
        InputError: as for :func:`read_lines`; a byte is not UTF-8.
        OSError: the file cannot be read.
    """
    raw = read_bytes(source, limit, what=what, error=error)
    return decoded(shown_name(source), raw, what, error)


def read_bytes(
    source: str | Path,
    limit: int = TEXT_LIMIT,
    *,
    what: str,
    error: type[InputError] = InputError,
) -> bytes:
    """All of a file that a person writes, decompressed where it is compressed.

    Args:
        source: a path, or ``"-"`` for standard input.
        limit: most bytes of content, decompressed.
        what: what the file should be, for messages.
        error: what is raised if it cannot be read.

    Raises:
        InputError: as for :func:`read_blocks`; the compressed stream is damaged.
        OSError: the file cannot be read.
    """
    if source == "-" and sys.stdin is not None and not hasattr(sys.stdin, "buffer"):
        # Replaced by a text, as notebooks and tests do.
        return str(sys.stdin.read(limit)).encode("utf-8", "surrogateescape")
    try:
        return b"".join(read_blocks(source, limit, what=what, error=error))
    except Cut as cut:
        raise error(
            shown_name(source), "", expected=what, got=str(cut), hint="copy the file again"
        ) from None


def shown_name(source: str | Path) -> str:
    """Name of a source in messages: a path, or ``"-"`` by its full name."""
    return "standard input" if str(source) == "-" else str(source)


def decoded(source: object, raw: bytes, what: str, error: type[InputError] = InputError) -> str:
    """Bytes as text.

    Raises:
        InputError: a byte is not UTF-8; says which, and what to do.
    """
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as wrong:
        at = wrong.start
    line = raw.count(b"\n", 0, at) + 1
    raise error(
        source, f"line {line} (byte {at})", expected=f"{what} in UTF-8",
        got=f"the byte {raw[at]:#04x}",
        hint="if it is text in another encoding, convert it: iconv -f LATIN1 -t UTF-8",
    )  # fmt: skip

"""All of a file at once: mapped if it is plain, decompressed within a limit if not."""

from __future__ import annotations

import mmap
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

from xenexplore.errors import InputError
from xenexplore.files.bounded import BLOCK, Count, Cut, content, is_compressed

__all__ = ["HEAD", "Buffer", "load"]

Buffer: TypeAlias = "bytes | bytearray | mmap.mmap"

# What a loaded file is judged by before the rest of it is decompressed.
HEAD: Final = 1 << 16
# Zeros are left out of a loaded file in units of this size.
_SPARSE: Final = 1 << 16
_MAPPED: Final = "decompress it with zstd -d (a plain file is mapped, not loaded), or"
_ZEROS: Final = bytes(_SPARSE)


def load(
    path: Path,
    limit: int,
    *,
    what: str,
    error: type[InputError] = InputError,
    check: Callable[[bytes], object] | None = None,
) -> Buffer:
    """All of a file at once: mapped if it is plain, decompressed into memory if not.

    Where the content is zeros, 64 KiB and more, it takes no memory.

    Args:
        path: the file.
        limit: most bytes that a compressed file may unfold to.
        what: what the file should be, for messages.
        error: what is raised if it cannot be read.
        check: called with the first 64 KiB (or all there is) before the rest
            is decompressed; raises if it makes no sense to go on.

    Raises:
        InputError: the file is empty, or its compressed data is cut short,
            damaged, or larger than the limit.
        OSError: the file cannot be opened or mapped.
    """
    with path.open("rb") as file:
        start = file.read(4)
        if not start:
            raise error(path, "", expected=what, got="an empty file")
        if not is_compressed(start):
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        file.seek(0)
        count = Count(path, limit, error, _MAPPED)
        memory = _Memory()
        try:
            for block in content(file, count):
                if memory.size < HEAD <= memory.size + len(block) and check is not None:
                    check(memory.read(memory.size) + block[: HEAD - memory.size])
                memory.append(block)
        except Cut as cut:
            raise _damaged(path, cut, memory.size, error) from None
    if not memory.size:
        raise error(path, "", expected=what, got="an empty zstd frame")
    return memory.whole()


def _damaged(path: Path, cut: Cut, size: int, error: type[InputError]) -> InputError:
    if cut.whole:
        return error(
            path, f"compressed bytes from {cut.at:#x}", expected="zstd data",
            got=f"damage ({cut.what})", hint="copy the file again",
        )  # fmt: skip
    return error(
        path, f"end of file, after {size:#x} decompressed bytes",
        expected="the end of the zstd frame", got="no more data", hint="the file is truncated",
    )  # fmt: skip


class _Memory:
    """Bytes in pages of their own that are only there once something other than zeros is put in."""

    def __init__(self) -> None:
        self._room = _anonymous(BLOCK)
        self.size = 0

    def read(self, size: int) -> bytes:
        return self._room[:size]

    def append(self, block: bytes) -> None:
        end = self.size + len(block)
        if end > len(self._room):
            self._room.resize(max(2 * len(self._room), end))
        for at in range(0, len(block), _SPARSE):
            part = block[at : at + _SPARSE]
            if part != _ZEROS[: len(part)]:
                self._room[self.size + at : self.size + at + len(part)] = part
        self.size = end

    def whole(self) -> mmap.mmap:
        """Exactly the input."""
        self._room.resize(self.size)
        return self._room


def _anonymous(size: int) -> mmap.mmap:
    """Private memory: shared memory (mmap's default) does not grow."""
    return mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)

"""Initial RAM disks: a cpio archive ("newc") of unpacked Debian files and our own scripts."""

from __future__ import annotations

import lzma
import stat
import struct
from pathlib import Path

from xenexplore.errors import RecorderError

__all__ = ["Initrd"]

_LIBRARIES = ("usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu", "usr/lib64", "lib64", "usr/lib")
_LOADER = "lib64/ld-linux-x86-64.so.2"
_DYNAMIC, _NEEDED, _STRTAB, _LOAD = 2, 1, 5, 1  # elf.h: PT_DYNAMIC, DT_NEEDED, DT_STRTAB, PT_LOAD


class Initrd:
    """Collects files; :meth:`pack` gives the archive.

    Args:
        root: an unpacked Debian system, where programs and libraries come from.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._entries: dict[str, tuple[int, bytes]] = {}

    def folder(self, *names: str) -> None:
        """Add empty folders, with those above them."""
        for name in names:
            parts = name.split("/")
            for depth in range(1, len(parts) + 1):
                self._entries.setdefault("/".join(parts[:depth]), (stat.S_IFDIR | 0o755, b""))

    def text(self, name: str, text: str) -> None:
        """Add an executable script."""
        self._add(name, stat.S_IFREG | 0o755, text.encode())

    def file(self, name: str, content: bytes, mode: int = 0o644) -> None:
        """Add a file."""
        self._add(name, stat.S_IFREG | mode, content)

    def link(self, name: str, target: str) -> None:
        """Add a symbolic link."""
        self._add(name, stat.S_IFLNK | 0o777, target.encode())

    def program(self, name: str, path: str) -> None:
        """Add a program of the root with every library that it needs.

        Raises:
            RecorderError: the root lacks the program or a library.
        """
        raw = self._read(path)
        self._add(name, stat.S_IFREG | 0o755, raw)
        for library in needed(raw):
            self.library(library)

    def library(self, name: str) -> None:
        """Add a shared library of the root with every library that it needs.

        Raises:
            RecorderError: the root lacks one.
        """
        loader = name.startswith("ld-linux")
        target = _LOADER if loader else f"usr/lib/x86_64-linux-gnu/{name}"
        if target in self._entries:
            return
        where = next((f for f in _LIBRARIES if (self._root / f / name).is_file()), _LIBRARIES[0])
        raw = self._read(f"{where}/{name}")
        self._add(target, stat.S_IFREG | 0o755, raw)
        for library in needed(raw):
            self.library(library)
        if not loader:
            self.library("ld-linux-x86-64.so.2")

    def module(self, path: Path) -> None:
        """Add a kernel module, uncompressed, to ``lib/modules``."""
        raw = path.read_bytes()
        if path.suffix == ".xz":
            raw = lzma.decompress(raw)
        self.file(f"lib/modules/{path.name.removesuffix('.xz')}", raw)

    def pack(self) -> bytes:
        """The archive; the same files give the same bytes."""
        parts = []
        for number, (name, (mode, content)) in enumerate(sorted(self._entries.items()), 1):
            parts.append(_header(number, mode, len(content), name) + content)
            parts.append(bytes(-len(content) % 4))
        parts.append(_header(0, 0, 0, "TRAILER!!!"))
        return b"".join(parts)

    def _add(self, name: str, mode: int, content: bytes) -> None:
        if "/" in name:
            self.folder(name.rpartition("/")[0])
        self._entries[name] = mode, content

    def _read(self, path: str) -> bytes:
        found = self._root / path
        if not found.is_file():
            raise RecorderError(
                str(found), "", expected="a file of Debian's packages", got="none",
                hint="run the setup again: xenexplore record --setup",
            )  # fmt: skip
        return found.read_bytes()


def _header(number: int, mode: int, size: int, name: str) -> bytes:
    fields = [number, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, len(name) + 1, 0]
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
    return head + bytes(-len(head) % 4)


def needed(raw: bytes) -> tuple[str, ...]:
    """Libraries that a 64-bit ELF file names (DT_NEEDED); none for a static one."""
    if raw[:5] != b"\x7fELF\x02":
        return ()
    (table,) = struct.unpack_from("<Q", raw, 32)
    size, count = struct.unpack_from("<HH", raw, 54)
    segments = [struct.unpack_from("<IIQQQQ", raw, table + index * size) for index in range(count)]
    found: list[int] = []
    strings = 0
    for kind, _, offset, _, _, length in segments:
        if kind != _DYNAMIC:
            continue
        for at in range(offset, offset + length, 16):
            tag, value = struct.unpack_from("<qQ", raw, at)
            if tag == _NEEDED:
                found.append(value)
            elif tag == _STRTAB:
                strings = value
    for kind, _, offset, address, _, length in segments:
        if kind == _LOAD and address <= strings < address + length:
            strings += offset - address
            break
    return tuple(raw[strings + at : raw.index(b"\0", strings + at)].decode() for at in found)

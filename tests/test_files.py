"""Input files: whatever they unfold to, no more is read than the limit allows."""

from __future__ import annotations

import io
import mmap
import struct
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from xenexplore import files
from xenexplore.errors import InputError, ScenarioError
from xenexplore.files import (
    Cut,
    bounded,
    decoded,
    load,
    read_blocks,
    read_lines,
    read_text,
    shown_size,
)

SKIPPED = struct.pack("<II", 0x184D2A5C, 5) + b"hello"


def without_size(content: bytes) -> bytes:
    """A frame whose header does not say how long its content is."""
    return zstandard.ZstdCompressor(write_content_size=False).compress(content)


def bomb(path: Path, size: int, byte: bytes = b"\0", *, announced: bool = True) -> Path:
    """A frame that unfolds to so many equal bytes."""
    machine = zstandard.ZstdCompressor().compressobj(size=size if announced else -1)
    piece = byte * (1 << 20)
    with path.open("wb") as file:
        for _ in range(size >> 20):
            file.write(machine.compress(piece))
        file.write(machine.flush())
    return path


def content(path: Path, limit: int = 1 << 30) -> bytes:
    return b"".join(read_blocks(path, limit, what="a file"))


@given(st.lists(st.binary(max_size=3000), max_size=4), st.data())
def test_every_framing_gives_the_same_content(tmp_path_factory, parts, data):
    path = tmp_path_factory.mktemp("files") / "x"
    frame = data.draw(st.sampled_from([zstandard.compress, without_size]))
    head = data.draw(st.sampled_from([b"", SKIPPED]))
    packed = b"".join(head + frame(part) for part in parts)
    path.write_bytes(packed)
    assert content(path) == b"".join(parts)
    if sum(map(len, parts)):
        assert bytes(load(path, 1 << 20, what="a file")) == b"".join(parts)
    # Cut anywhere: what is read is a beginning of it, and the cut is told.
    cut = data.draw(st.integers(0, len(packed)))
    path.write_bytes(packed[:cut])
    got = b""
    with suppress(Cut):
        for block in read_blocks(path, 1 << 20, what="a file"):
            got += block
    if files.is_compressed(packed[:cut]):
        assert b"".join(parts).startswith(got)


@given(st.binary(min_size=1, max_size=200_000), st.booleans())
def test_zeros_left_out_are_zeros_read(tmp_path_factory, text, spread):
    text = b"".join(bytes([c]) + bytes(70_000) for c in text[:9]) if spread else text * 3
    path = tmp_path_factory.mktemp("files") / "x"
    path.write_bytes(without_size(text))
    memory = load(path, 1 << 30, what="a file")
    assert isinstance(memory, mmap.mmap)
    assert memory[:] == text


def test_a_limit_is_held_to_the_byte(tmp_path):
    path = tmp_path / "x"
    for packed in (bytes(5000), zstandard.compress(bytes(5000)), without_size(bytes(5000))):
        path.write_bytes(packed)
        assert content(path, 5000) == bytes(5000)
        with pytest.raises(InputError, match=r"expected at most 4999 bytes.*--max-size"):
            content(path, 4999)


def test_what_a_header_announces_is_refused_before_anything_is_read(tmp_path, monkeypatch):
    path = bomb(tmp_path / "x", 64 << 20)
    monkeypatch.setattr(bounded.Count, "add", None)  # would be called for a first piece
    with pytest.raises(InputError, match="at most 63 MiB when decompressed, got 64 MiB"):
        content(path, 63 << 20)
    with pytest.raises(InputError, match="got 64 MiB; decompress it with zstd -d"):
        load(path, 63 << 20, what="a file")


def test_the_second_frame_counts_with_the_first(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(zstandard.compress(bytes(3000)) * 2)
    with pytest.raises(InputError, match="at most 5999 bytes when decompressed, got 6000 bytes"):
        content(path, 5999)


def test_the_head_is_looked_at_before_the_rest(tmp_path):
    path = bomb(tmp_path / "x", 1 << 30, b"a", announced=False)
    seen = []

    def check(head: bytes) -> None:
        seen.append(head)
        raise InputError(path, "offset 0", expected="something else", got="a")

    with pytest.raises(InputError, match="something else"):
        load(path, 1 << 40, what="a file", check=check)
    assert seen == [b"a" * files.HEAD]


MEASURE = """
import resource, sys
from pathlib import Path
from xenexplore.files import load
import zstandard
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
memory = load(Path(sys.argv[1]), 1 << 40, what="a file")
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(len(memory), after - before)
"""


def test_a_gibibyte_of_zeros_takes_no_gibibyte(tmp_path):
    path = bomb(tmp_path / "x", 1 << 30, announced=False)
    assert path.stat().st_size < 200_000
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path)], capture_output=True, text=True, check=True
    )
    size, kibibytes = map(int, done.stdout.split())
    assert size == 1 << 30
    assert kibibytes < 128 << 10


def test_lines(tmp_path):
    path = tmp_path / "x"
    for packed in (b"a\nbc\n\nd", zstandard.compress(b"a\nbc\n\nd")):
        path.write_bytes(packed)
        assert list(read_lines(path, 100, what="a line")) == [b"a", b"bc", b"", b"d"]
    long = b"good\n" + b"x" * (1 << 16)
    path.write_bytes(long + b"\nmore")
    assert [len(line) for line in read_lines(path, 1 << 20, what="a line")] == [4, 1 << 16, 4]
    path.write_bytes(long + b"x\nmore")
    with pytest.raises(InputError, match="line 2: expected a line, got a line of more than 64 KiB"):
        list(read_lines(path, 1 << 20, what="a line"))
    path.write_bytes(zstandard.compress(long)[:-3])
    with pytest.raises(InputError, match=r"line \d: expected whole zstd data.*copy the file again"):
        list(read_lines(path, 1 << 20, what="a line"))


def test_a_line_without_end_is_refused_where_it_begins(tmp_path):
    path = bomb(tmp_path / "x", 256 << 20, announced=False)
    with pytest.raises(InputError, match=r"line 1: .* begins b'\\x00"):
        list(read_lines(path, 1 << 40, what="a line"))


@pytest.mark.parametrize("frame", [bytes, zstandard.compress])
def test_text_that_is_not_utf8_is_told_to_the_byte(tmp_path, frame):
    path = tmp_path / "mail.toml"
    path.write_bytes(frame("title = 'x'\nasked = 'Müller'\n".encode("latin-1")))
    said = (
        r"mail\.toml: line 2 \(byte 22\): expected a scenario in UTF-8, got the byte 0xfc; .*iconv"
    )
    with pytest.raises(ScenarioError, match=said):
        read_text(path, what="a scenario", error=ScenarioError)


def test_standard_input_is_bounded_and_told_by_name(monkeypatch):
    for raw, said in (
        (b"\xe9", "standard input: line 1 "),
        (b"a" * 101, "standard input: expected at"),
    ):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(raw), "ascii"))
        with pytest.raises(InputError, match=said):
            read_text("-", 100, what="a text")


def test_a_byte_order_mark_and_a_carriage_return_are_no_content():
    assert decoded("x", b"\xef\xbb\xbfa\r\nb\r\n", "a text") == "a\nb\n"


def test_sizes_are_shown_in_the_unit_that_fits():
    sizes = (0, 999, 1024, 1536, 4 << 20, (4 << 20) + 1, 8 << 30, (12 << 30) + 5)
    assert [shown_size(size) for size in sizes] == [
        "0 bytes", "999 bytes", "1 KiB", "1536 bytes", "4 MiB", "4096 KiB", "8 GiB", "12 GiB",
    ]  # fmt: skip


def test_a_window_too_large_to_hold_is_refused(tmp_path):
    """A header can ask for 2 GiB of window; zstd's own limit is 128 MiB."""
    path = tmp_path / "x"
    path.write_bytes(b"\x28\xb5\x2f\xfd" + bytes([0x04, 21 << 3]) + bytes(20))
    with pytest.raises(InputError, match="too much memory"):
        load(path, 1 << 40, what="a file")

from __future__ import annotations

import random

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from xenexplore.errors import RecordingError
from xenexplore.recording.format.reader import read_recording
from xenexplore.recording.format.stream import built_in_path

WHOLE = read_recording("pvh-callers")


def plain(lines: int = 3000) -> bytes:
    with zstandard.open(built_in_path("pvh-callers"), "rt") as stream:
        return "".join(stream.readline() for _ in range(lines)).encode()


TEXT = plain()
SMALL = zstandard.ZstdCompressor(write_checksum=True).compress(TEXT)


def is_prefix(part, whole) -> bool:
    n, m = len(part.calls), len(part.accesses)
    return part.calls.equal(whole.calls[:n]) and part.accesses.equal(whole.accesses[:m])


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9, 0.999])
def test_a_cut_compressed_file_gives_a_prefix_and_says_where(tmp_path, keep):
    raw = built_in_path("pvh-callers").read_bytes()
    path = tmp_path / "cut.jsonl.zst"
    path.write_bytes(raw[: int(len(raw) * keep)])
    part = read_recording(path, strict=False)
    assert is_prefix(part, WHOLE)
    assert part.damage is not None
    assert part.damage.cut
    assert "middle of a frame" in part.damage.what
    # The header, and one line for each record that was read.
    assert part.damage.line == 2 + len(part.calls) + len(part.accesses)
    with pytest.raises(RecordingError, match=f"line {part.damage.line} "):
        read_recording(path)


@settings(max_examples=60)
@given(at=st.integers(1, len(TEXT) - 1))
def test_a_cut_plain_file_loses_the_last_record_at_most(at, tmp_path_factory):
    path = tmp_path_factory.mktemp("cut", numbered=True) / "r.jsonl"
    path.write_bytes(TEXT[:at])
    whole_lines = TEXT[:at].count(b"\n")
    try:
        part = read_recording(path, strict=False)
    except RecordingError:
        assert whole_lines <= 1  # nothing but (a piece of) the header
        return
    assert is_prefix(part, WHOLE)
    records = len(part.calls) + len(part.accesses) + 1
    # A last line without its newline counts where it is whole.
    assert records - whole_lines in (0, 1)
    if records == whole_lines and TEXT[at - 1 : at] != b"\n":
        assert part.damage is not None
        assert part.damage.cut
        assert part.damage.line == whole_lines + 1
        assert part.damage.byte == TEXT.rfind(b"\n", 0, at) + 1


@pytest.mark.parametrize("seed", range(40))
def test_flipped_bytes_never_escape_as_anything_else(tmp_path, seed):
    chance = random.Random(seed)
    compressed = seed % 2
    raw = bytearray(SMALL if compressed else TEXT)
    for _ in range(chance.randint(1, 4)):
        raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
    path = tmp_path / "flipped"
    path.write_bytes(raw)
    try:
        part = read_recording(path, strict=False)
    except RecordingError as error:
        if "line " not in str(error):
            pytest.fail(f"no line number: {error}")
        return
    if part.damage is None:
        return  # a changed digit is a valid recording of something else
    assert part.damage.line >= 1
    if compressed and part.damage.cut:
        assert "zstd" in part.damage.what
    # Whatever was read keeps the format's promises.
    assert (part.calls.seq[1:] - part.calls.seq[:-1] == 1).all()
    assert (part.accesses.call < len(part.calls)).all()


def test_a_broken_zstd_stream_is_named(tmp_path):
    raw = bytearray(built_in_path("pvh").read_bytes())
    raw[len(raw) // 2 : len(raw) // 2 + 64] = bytes(64)
    path = tmp_path / "broken.zst"
    path.write_bytes(raw)
    part = read_recording(path, strict=False)
    assert part.damage is not None
    assert 0 < len(part.calls) < 41391


def test_frames_one_after_the_other_are_one_recording(tmp_path):
    """As `cat a.zst b.zst` makes them."""
    half = TEXT.find(b"\n", len(TEXT) // 2) + 1
    path = tmp_path / "two.zst"
    machine = zstandard.ZstdCompressor()
    path.write_bytes(machine.compress(TEXT[:half]) + machine.compress(TEXT[half:]))
    assert is_prefix(read_recording(path), WHOLE)


def test_nothing_whole_is_an_error_even_when_not_strict(tmp_path):
    path = tmp_path / "picture.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    with pytest.raises(RecordingError, match=r"line 1 .*no whole record"):
        read_recording(path, strict=False)

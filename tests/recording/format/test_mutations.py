"""A sample of the mutations of ``tests/mutated_recordings.py``."""

from __future__ import annotations

import pytest
import zstandard
from mutated_recordings import MUTATIONS, check

from xenexplore.recording.format.stream import built_in_path

SAMPLE = 40


@pytest.fixture(scope="module")
def lines():
    with zstandard.open(built_in_path("pvh-boot"), "rb") as stream:
        return stream.read().splitlines()


@pytest.mark.parametrize("mutate", MUTATIONS, ids=lambda mutate: mutate.__name__)
def test_damage_gives_one_clear_error(lines, mutate, tmp_path):
    wrong = {}
    for seed in range(SAMPLE):
        said = check(lines, mutate, seed, tmp_path / "r.jsonl")
        if said:
            wrong[seed] = said
    assert wrong == {}


def test_undamaged_slices_are_read(lines, tmp_path):
    """What the mutations start from is good: the errors are theirs."""
    for seed in range(5):
        assert check(lines, _nothing, seed, tmp_path / "r.jsonl") == "no error"


def _nothing(lines, chance):
    """No damage."""

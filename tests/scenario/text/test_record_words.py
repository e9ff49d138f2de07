"""Words are found whatever Python did with a docstring's indentation."""

from __future__ import annotations

import inspect

import pytest

from xenexplore.scenario.text.record_words import attribute_words, first_line

WORDED = """A record.

    More of it.

    Attributes:
        one: first.
        two: :class:`second`, on
            two lines.

    >>> 1
    """


@pytest.mark.parametrize("clean", [str, inspect.cleandoc], ids=["until 3.12", "from 3.13"])
def test_words_of_a_record(clean):
    record = type("Record", (), {"__doc__": clean(WORDED)})
    assert attribute_words(record) == {"one": "first.", "two": "second, on two lines."}
    assert first_line(record) == "A record."


def test_a_record_without_words_has_none():
    assert attribute_words(type("Record", (), {})) == {}
    assert first_line(type("Record", (), {})) == ""

"""Recorded calls are found by domain, name and region; figures agree with the summary's."""

from __future__ import annotations

import numpy as np
import pytest

from xenexplore.recording.contents.call_index import CallIndex
from xenexplore.recording.contents.summary import summarise
from xenexplore.recording.format.reader import read_recording


@pytest.fixture(scope="module")
def index() -> CallIndex:
    return CallIndex(read_recording("pvh"))


def test_names_count_every_call(index: CallIndex) -> None:
    assert sum(index.names().values()) == len(index.recording.calls)
    summary = summarise(index.recording)
    for domain in summary.domains:
        if domain.domain is None:
            continue
        names = index.names(domain.domain.name)
        assert sum(names.values()) == domain.hypercalls
        assert names["event_channel_op send"] > 300
    assert index.names("dom0")["memory_op add_to_physmap_batch"] == 15428


def test_filters_narrow_each_other(index: CallIndex) -> None:
    sends = index.find(domain="dom0", name="event_channel_op send")
    assert len(sends) == 374
    stack = index.find(domain="dom0", name="event_channel_op send", region="vmalloc")
    user = index.find(domain="dom0", region="user")
    assert set(stack) <= set(sends)
    assert len(stack) > 300
    assert not set(user) & set(stack)
    assert len(index.find(domain="nobody")) == 0
    assert np.array_equal(index.find(), np.arange(len(index.recording.calls)))


def test_one_call_in_short(index: CallIndex) -> None:
    row = int(np.flatnonzero(index.recording.calls.seq == 2621)[0])
    call = index.call(row)
    assert (call.domain, call.name, call.copies, call.bytes) == (
        "dom0",
        "event_channel_op send",
        1,
        4,
    )
    assert call.regions == ("vmalloc",)
    assert str(call) == "#2621  dom0  event_channel_op send  1 copy  vmalloc"
    assert "vmalloc" in index.regions()

"""The explorer follows a session, and the session does without it."""

from __future__ import annotations

import gc
import re
import weakref
from collections.abc import Iterator

import pytest
from live_widgets import live_widgets

import xenexplore as xe
from xenexplore.errors import MachineError

SEND = "event_channel_op send"


@pytest.fixture
def xen() -> xe.Xen:
    guest = xe.Guest("linux", vcpus=2)
    guest.buffer("stack", struct="evtchn_send", port=5, name="send")
    return xe.Xen(guest, design="software-tlb", entries=4)


@pytest.fixture
def explorer(xen: xe.Xen) -> Iterator[xe.Explorer]:
    made = xe.Explorer(xen)
    yield made
    made.close()


def test_it_begins_without_a_step(explorer: xe.Explorer) -> None:
    assert (explorer.step, explorer.buffer, len(explorer.trace)) == (None, "", 0)
    with pytest.raises(MachineError, match="nothing has been recorded yet"):
        explorer.step = 0


def test_it_follows_what_cells_do(xen: xe.Xen, explorer: xe.Explorer) -> None:
    send = xen.guest.buffers["send"]
    xen.tlb[0].register(send)
    assert (explorer.step, explorer.buffer) == (0, "send")
    before = len(xen.trace)
    xen.hypercall(SEND, arg=send)
    assert explorer.step == before
    assert explorer.trace.to_json() == xen.trace.to_json()
    assert "STALE" not in explorer.text()
    xen.guest.remap(send)
    assert "STALE" in explorer.text()
    assert "STALE" in explorer.children[4].value
    assert explorer.trace.to_json() == xen.trace.to_json()


def test_a_new_buffer_can_be_chosen_and_shows_its_entries(
    xen: xe.Xen, explorer: xe.Explorer
) -> None:
    xen.guest.buffer("kmalloc", struct="evtchn_send", port=1, name="later")
    explorer.buffer = "later"
    assert "Page-table entries of later" in explorer.children[4].value
    with pytest.raises(MachineError, match="no buffer 'nonesuch'"):
        explorer.buffer = "nonesuch"


def test_going_to_a_step_selects_its_buffer(xen: xe.Xen, explorer: xe.Explorer) -> None:
    other = xen.guest.buffer("stack", struct="evtchn_send", port=1, name="other")
    xen.hypercall(SEND, arg=xen.guest.buffers["send"])
    middle = len(xen.trace)
    xen.hypercall(SEND, arg=other)
    assert explorer.buffer == "other"
    explorer.step = middle - 1
    assert explorer.buffer == "send"


def test_a_pick_in_the_view_and_in_the_list_is_the_same_buffer(
    xen: xe.Xen, explorer: xe.Explorer
) -> None:
    send = xen.guest.buffers["send"]
    other = xen.guest.buffer("vmalloc", 6000, name="other")
    xen.tlb[0].register(send)
    view = explorer._view
    assert view is not None
    assert (explorer.buffer, view.chosen) == ("send", "buf:send")
    # On the map, as a page, as a frame, as an entry of a table: all are the same buffer.
    frame = other.frames[1]
    assert frame is not None
    slot = "slot:0:0"
    for keys in ("buf:other", f"vp:{(other.va.value >> 12) + 1:x}", f"gfn:{frame.value:x}", slot):
        view.chosen = keys
        assert explorer.buffer == ("send" if keys == slot else "other")
        assert view.chosen == f"buf:{explorer.buffer}"
        assert f"Page-table entries of {explorer.buffer}" in explorer.children[4].value
        explorer.buffer = "other" if keys == slot else "send"
        assert view.chosen == f"buf:{explorer.buffer}"
    for nothing in ("", "vp:1", "slot:0:7", "i:0"):
        view.chosen = nothing
        assert (explorer.buffer, explorer._now.chosen) == ("other", nothing)


def test_rows_of_the_tables_pick_the_buffer_too(xen: xe.Xen, explorer: xe.Explorer) -> None:
    other = xen.guest.buffer("vmalloc", 6000, name="other")
    xen.tlb[0].register(xen.guest.buffers["send"])
    tables, view = explorer._now, explorer._view
    assert view is not None
    rows = re.findall(r'<tr data-k="([^"]+)"><td[^>]+><button type="button">([^<]+)', tables.value)
    assert [first for _, first in rows] == ["send", "other", "0", "4", "3", "2", "1"]
    of = {first: keys for keys, first in rows}
    for first, name in (("other", "other"), ("0", "send")):
        tables.chosen = of[first]
        picked = f"buf:{name}"
        assert (explorer.buffer, tables.chosen, view.chosen) == (name, picked, picked)
        assert f"Page-table entries of {name}" in tables.value
    # An entry's row is its table's frame and its level, and no buffer.
    tables.chosen = of["1"]
    assert (explorer.buffer, view.chosen) == ("send", of["1"])
    assert of["1"].startswith("f:1 gfn:")
    assert all(f"vp:{(other.va.value >> 12) + n:x}" in of["other"].split() for n in (0, 1))


@pytest.mark.parametrize("play", [True, False])
def test_an_operation_plays_unless_it_is_not_to(xen: xe.Xen, play: bool) -> None:
    explorer = xe.Explorer(xen, play=play)
    send = xen.guest.buffers["send"]
    xen.hypercall(SEND, arg=send)
    view = explorer._view
    assert view is not None
    before = view.plays
    xen.hypercall(SEND, arg=send)
    assert view.plays - before == int(play)
    xen.undo()
    assert view.plays - before == int(play), "what is taken back has no steps to play"
    explorer.close()


def test_undo_goes_back_to_an_empty_view(xen: xe.Xen, explorer: xe.Explorer) -> None:
    xen.hypercall(SEND, arg=xen.guest.buffers["send"])
    assert explorer.step is not None
    xen.undo()
    assert (explorer.step, len(explorer.trace)) == (None, 0)


@pytest.mark.parametrize("design", ["linear-walk", "bounce"])
def test_a_design_without_registered_buffers_has_buffers_only(design: str) -> None:
    guest = xe.Guest("linux")
    send = guest.buffer("stack", struct="evtchn_send", port=5, name="send")
    xen = xe.Xen(guest, design)
    explorer = xe.Explorer(xen)
    xen.hypercall(SEND, arg=send)
    assert "Table of" not in explorer.children[4].value
    explorer.close()


def test_a_refusing_design_is_shown() -> None:
    xen = xe.Xen(xe.Guest("linux"), "packets")
    explorer = xe.Explorer(xen)
    assert "refuses this guest" in repr(explorer)
    explorer.close()


def test_readers_without_a_kernel_have_picture_state_and_text(
    xen: xe.Xen, explorer: xe.Explorer
) -> None:
    xen.hypercall(SEND, arg=xen.guest.buffers["send"])
    data, _ = explorer._repr_mimebundle_()
    assert "<img" in data["text/html"]
    assert "The session now" in data["text/html"]
    assert all(len(line) <= 72 for line in data["text/plain"].splitlines())


def test_closing_leaves_nothing_however_often_a_cell_is_run(xen: xe.Xen) -> None:
    before = live_widgets()
    for _ in range(300):
        xe.Explorer(xen).close()
    assert live_widgets() == before
    explorer = xe.Explorer(xen)
    xen.hypercall(SEND, arg=xen.guest.buffers["send"])
    explorer.close()
    assert live_widgets() == before
    steps = len(xen.trace)
    xen.hypercall(SEND, arg=xen.guest.buffers["send"])
    assert len(xen.trace) > steps, "the session goes on"


def test_a_session_keeps_no_view_alive(xen: xe.Xen) -> None:
    explorer = xe.Explorer(xen)
    explorer.close()
    seen = weakref.ref(explorer)
    del explorer
    gc.collect()
    assert seen() is None
    xen.hypercall(SEND, arg=xen.guest.buffers["send"])


def test_what_is_no_session_is_refused() -> None:
    with pytest.raises(MachineError, match=r"expected xe.Xen"):
        xe.Explorer(xe.Guest("linux"))  # type: ignore[arg-type]

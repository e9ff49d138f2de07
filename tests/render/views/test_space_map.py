from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from render_traces import path_of, placed

from xenexplore import steps as s
from xenexplore.addr import Gpa, Gva
from xenexplore.guest.domain import Domain
from xenexplore.guest.spec import GuestSpec
from xenexplore.render.text.run.address_map import map_text, whose
from xenexplore.render.views.frame_runs import runs_of
from xenexplore.render.views.locations import describe
from xenexplore.render.views.space_map import space_at
from xenexplore.tlb import TlbEntry, TlbTables


@pytest.mark.parametrize("kind", ["pvh", "hvm", "pv"])
def test_every_byte_of_every_buffer_is_in_exactly_one_run(kind):
    trace = placed(kind)
    runs = space_at(trace).runs
    for buffer in trace.machine.buffers:
        own = [run for run in runs if run.buffer == buffer.name]
        assert sum(run.size for run in own) == buffer.size
        assert sum(run.frames for run in own) == len(buffer.frames)
        at = buffer.va
        for run in own:
            assert run.va == at
            page = (at.value >> 12) - (buffer.va.value >> 12)
            assert run.gfn == buffer.frames[page].value
            at = at + run.size


@given(
    kind=st.sampled_from(["vmalloc", "kmalloc", "stack", "user"]),
    size=st.integers(1, 12000),
    offset=st.integers(0, 200),
)
@settings(max_examples=25)
def test_aliases_are_the_directmaps(kind, size, offset):
    domain = Domain(GuestSpec(memory=96 << 20))
    buffer = domain.place("b", kind, size, offset=offset)
    for run in runs_of([buffer]):
        page = buffer.frames[(run.va.value >> 12) - (buffer.va.value >> 12)]
        known = domain.directmap_of(page)
        if run.alias is None:
            assert known.value == run.va.page.value
        else:
            assert known == run.alias.page
            assert run.alias.offset == run.va.offset


def test_runs_of_the_same_frames_share_a_letter_and_others_do_not():
    domain = Domain(GuestSpec(memory=96 << 20))
    first = domain.place("first", "vmalloc", 4096, offset=0)
    domain.place("second", "vmalloc", 4096, offset=0)
    again = domain.place("again", "user", 4096, offset=0, frames=first.frames)
    runs = runs_of([*domain.buffers.values()])
    letters = {run.buffer: run.letter for run in runs}
    assert letters["first"] == letters[again.name] != letters["second"]


def test_letters_go_on_after_z():
    domain = Domain(GuestSpec(memory=96 << 20))
    buffer = domain.place("big", "vmalloc", 60 * 4096, offset=0)
    letters = [run.letter for run in runs_of([buffer])]
    assert len(set(letters)) == len(letters) == 60
    assert letters[25:28] == ["z", "aa", "ab"]


@pytest.mark.parametrize("kind", ["pvh", "hvm", "pv"])
def test_the_map_is_in_order_and_every_item_in_its_region(kind):
    space = space_at(placed(kind))
    starts = [span.start.value for span in space.linear]
    assert starts == sorted(starts, reverse=True)
    for span in space.linear:
        vas = [item.va.value for item in span.items]
        assert vas == sorted(vas, reverse=True)
        assert all(span.start.value <= va < span.end for va in vas)
    physical = [item.start.value for item in space.physical]
    assert physical == sorted(physical, reverse=True)


def test_what_is_cut_out_of_image_or_directmap_is_counted_in():
    names = [span.name for span in space_at(placed()).linear]
    assert names.count("directmap") == names.count("kernel image") == 1
    assert "percpu" not in names


def test_registered_ranges_are_known_by_step():
    trace = placed(option="giant-map")
    inserted = [n.index for n in trace.steps if isinstance(n.step, s.TlbInsert)]
    assert not space_at(trace, inserted[0] - 1).registered
    (one,) = space_at(trace, inserted[0]).registered
    assert one.vcpus == (0,)
    (both,) = space_at(trace).registered
    assert both.vcpus == (0, 1)
    assert both.letters == tuple(sorted({run.letter for run in space_at(trace).runs}))
    spans = {span.name: span for span in space_at(trace).linear}
    assert spans["directmap"].covered == (0, 1)
    assert spans["vmalloc"].covered == ()
    stack = next(item for item in spans["vmalloc"].items if item.name == "on-stack")
    alias = next(item for item in spans["directmap"].items if item.name == "on-stack")
    assert (stack.covered, alias.covered) == ((), (0, 1))


def test_the_copy_at_hand_is_marked():
    trace = placed()
    copy = next(n.index for n in trace.steps if isinstance(n.step, s.Copy))
    now = [item for span in space_at(trace, copy).linear for item in span.items if item.now]
    assert [(item.kind, item.name) for item in now] == [("buffer", "on-stack")]
    line = next(line for line in map_text(trace, copy).splitlines() if line.startswith(">"))
    assert "on-stack" in line
    assert not [line for line in map_text(trace).splitlines() if line.startswith(">")]


def test_pv_has_no_guest_physical_space_of_its_own():
    text = map_text(placed("pv"))
    assert "machine frames" in text
    assert "guest-physical" not in text


def test_buffers_of_two_processes_at_one_address_are_both_shown():
    text = map_text(placed())
    assert "00007fff'f0001000" in text
    assert "[first] 48B" in text
    assert "[second] 48B" in text


def test_places_are_named_by_region_and_kind():
    machine = placed().machine
    said = {buffer.name: describe(machine, buffer.va, 0) for buffer in machine.buffers}
    assert said["on-stack"] == "vmalloc (kernel stack)"
    assert said["big"] == "vmalloc (vmalloc'ed)"
    assert said["heap"] == "directmap (heap)"
    assert "static data" in said["static"]


def test_whose():
    assert whose(()) == "domain"
    assert whose((2,)) == "vCPU 2"
    assert whose((0, 1, 2)) == "vCPUs 0-2"
    assert whose((0, 2)) == "vCPUs 0, 2"


def test_a_buffer_of_many_pieces_does_not_fill_the_page():
    domain = Domain(GuestSpec(memory=96 << 20))
    domain.place("big", "vmalloc", 60 * 4096, offset=0)
    machine = replace(placed().machine, buffers=tuple(domain.buffers.values()))
    text = map_text(replace(placed(), machine=machine))
    assert text.count("and 48 more places") == 2


def test_the_piece_at_hand_is_never_left_out():
    domain = Domain(GuestSpec(memory=96 << 20))
    big = domain.place("big", "vmalloc", 60 * 4096, offset=0)
    recorder, cite = s.Recorder(), s.Cite("x")
    step = s.Copy(
        cite=cite,
        direction=s.Direction.TO,
        handle=big.va.value,
        size=8,
        role="r",
        current=0,
        subject=0,
    )
    with recorder.under(step):
        recorder.add(s.Piece(cite=cite, handle=big.va.value, size=8))
    machine = replace(placed().machine, buffers=(big,))
    text = map_text(path_of(recorder.nodes, machine), 1)
    (line,) = [line for line in text.splitlines() if line.startswith(">")]
    assert f"{big.va.value & 0xFFFFFFFF:08x} a big" in line
    machine = replace(machine, buffers=())
    assert "> " in map_text(path_of(recorder.nodes, machine), 1)
    assert "handle: r" in map_text(path_of(recorder.nodes, machine), 1)


def test_many_registered_ranges_end_in_a_number():
    tables, recorder = TlbTables(1), s.Recorder()
    for page in range(20):
        recorder.add(
            tables.insert(0, TlbEntry(Gva(page << 13), Gpa(page << 13), 8, True, None, ""))
        )
    assert "and 8 more ranges" in map_text(path_of(recorder.nodes))

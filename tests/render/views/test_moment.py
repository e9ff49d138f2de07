from __future__ import annotations

from functools import lru_cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from render_traces import path_of, placed, trees

from xenexplore import steps as s
from xenexplore.addr import Gpa, Gva
from xenexplore.errors import MachineError
from xenexplore.hypervisor.outcome import counts_of
from xenexplore.render.text.run.address_map import map_text
from xenexplore.render.text.run.registered import registered_text
from xenexplore.render.text.run.step import step_text
from xenexplore.render.text.run.trace import trace_text
from xenexplore.render.views.comparison import way_of
from xenexplore.render.views.moment import counted, moment_at
from xenexplore.render.views.step_tree import StepTree
from xenexplore.scenario.run.runner import run
from xenexplore.scenario.run.trace import Trace
from xenexplore.scenario.text.loader import parse_scenario
from xenexplore.tlb import TlbEntry, TlbTables

SCENARIO = """
name = "moments"
title = "What is worth noticing"
[guest]
vcpus = 2
smap = false
[[buffer]]
name = "send"
place = "stack"
size = 4
[[buffer]]
name = "area-0"
place = "user"
process = "first"
address = "0x7ffff0000040"
size = 48
[[buffer]]
name = "area-1"
place = "user"
process = "second"
address = "0x7ffff0000040"
size = 48
[[buffer]]
name = "split"
place = "vmalloc"
size = 4
offset = 4094
[[action]]
do = "switch"
vcpu = 0
process = "first"
[[action]]
do = "switch"
vcpu = 1
process = "second"
[[action]]
do = "register"
vcpu = 0
what = "buffer:area-0"
[[action]]
do = "register"
vcpu = 1
what = "buffer:area-1"
[[action]]
do = "register"
vcpu = 0
what = "directmap"
[[action]]
do = "call"
hypercall = "event_channel_op send"
with = { arg = "@send" }
[[action]]
do = "call"
hypercall = "event_channel_op send"
with = { arg = "@send" }
[[action]]
do = "call"
hypercall = "event_channel_op send"
with = { arg = "@split" }
[[action]]
do = "register-runstate"
vcpu = 0
subject = 1
buffer = "area-1"
argument = "send"
[[action]]
do = "unmap"
buffer = "send"
[[action]]
do = "call"
hypercall = "event_channel_op send"
with = { arg = "@send" }
"""


@lru_cache
def ran(option: str) -> Trace:
    return run(parse_scenario(SCENARIO), option)


def first(trace: Trace, kind: type[s.Step], nth: int = 0) -> int:
    found = [node.index for node in trace.steps if isinstance(node.step, kind)]
    return found[nth]


def flat(trace: Trace, index: int) -> str:
    return " ".join(step_text(trace, index).split())


@given(nodes=trees(), data=st.data())
@settings(max_examples=50)
def test_a_moment_shows_its_step_and_nothing_later(nodes, data):
    index = data.draw(st.integers(0, len(nodes) - 1))
    trace = path_of(nodes)
    moment = moment_at(trace, index)
    row = moment.rows[moment.current]
    assert row.first <= index <= row.last
    for later in moment.rows[moment.current + 1 :]:
        assert later.words.main == "..." or later.first <= index
    before = counts_of(nodes[: index + 1])
    assert moment.counts.exits + moment.once.exits == before.exits
    assert moment.counts.p2m_lookups + moment.once.p2m_lookups == before.p2m_lookups


@pytest.mark.parametrize("option", ["linear-walk", "software-tlb", "number-bit", "sg-policy"])
def test_counts_so_far_grow_to_those_of_the_outcome(option):
    trace = ran(option)
    tree, before = StepTree(trace.steps), None
    for index in range(len(trace)):
        moment = moment_at(trace, index, tree)
        if before is not None:
            grown = moment.counts - before
            assert all(value >= 0 for value in grown.as_json().values())
        before = moment.counts
    assert before == trace.outcome.calls
    assert moment.once == trace.outcome.setup


def test_no_such_step_is_said_in_one_sentence():
    with pytest.raises(MachineError, match=r"no step 99999: moments under linear-walk has steps 0"):
        step_text(ran("linear-walk"), 99999)
    for view in (step_text, map_text, registered_text):
        for index in (-1, len(ran("linear-walk"))):
            with pytest.raises(MachineError, match=f"no step {index}"):
                view(ran("linear-walk"), index)


def test_an_entry_is_shown_once_it_is_read_and_not_before():
    trace = ran("linear-walk")
    read = first(trace, s.PteRead)
    entry = trace.steps[read].step
    assert "'0067" in (shown := step_text(trace, read)) or "'0007" in shown
    looked_up = step_text(trace, read - 1)
    assert f"{entry.entry_at.value:08x}  ..." in looked_up
    assert "P RW" not in looked_up


def test_a_miss_shows_what_is_registered_and_what_comes_of_it():
    trace = ran("software-tlb")
    text = step_text(trace, first(trace, s.TlbLookup))
    assert "[1] ffff8880'00000000 +30000000 directmap" in text
    assert "no entry covers the handle: walk as today" in text
    assert "MISS" in text


def test_the_frame_is_registered_the_address_is_not():
    trace = ran("software-tlb")
    note = flat(trace, first(trace, s.TlbLookup))
    buffer = trace.machine.buffer("send")
    alias = buffer.aliases[0].value + buffer.va.offset
    assert f"directmap covers gfn {buffer.frames[0].value:05x}" in note
    assert f"as ffff8880'{alias & 0xFFFFFFFF:08x}" in note
    assert "CONFIG_VMAP_STACK" in note


def test_walking_the_same_page_again_is_noticed():
    trace = ran("linear-walk")
    assert "walked" not in flat(trace, first(trace, s.PteRead))
    assert "has been walked once before in this run" in flat(trace, first(trace, s.Piece, 1))


def test_a_copy_that_goes_on_elsewhere_is_noticed():
    trace = ran("linear-walk")
    frames = [frame.value for frame in trace.machine.buffer("split").frames]
    note = flat(trace, first(trace, s.Move, 3))
    assert f"gfn {frames[0]:05x}, then {frames[1]:05x}" in note


def test_the_wrong_frame_is_named_and_so_is_the_silence():
    trace = ran("software-tlb")
    wrong = next(n.index for n in trace.steps if isinstance(n.step, s.Move) and not n.step.right)
    text = flat(trace, wrong)
    here, there = (trace.machine.buffer(f"area-{n}").frames[0].value for n in (0, 1))
    assert f"went to gfn {here:05x} (area-0 at the start)" in text
    assert f"the caller meant gfn {there:05x} (area-1 at the start)" in text
    assert "The error is silent: the call returns 0." in text
    assert "vCPU 1's own table has gpa" in text


def test_whose_tables_are_walked_is_noticed():
    trace = ran("linear-walk")
    about = [n.index for n in trace.steps if isinstance(n.step, s.Copy) and n.step.subject == 1]
    last = StepTree(trace.steps).end(about[0])
    assert "its tables are walked, but the address is vCPU 1's" in flat(trace, last)


def test_the_scenario_is_not_cited_as_a_rule():
    trace = ran("linear-walk")
    assert moment_at(trace, first(trace, s.Action)).cite == ""
    assert "[" not in step_text(trace, first(trace, s.Action))


def test_handles_say_what_they_are():
    for option, words in (
        ("linear-walk", "vmalloc (kernel stack)"),
        ("number-bit", "guest-physical"),
        ("sg-policy", "a list of pieces"),
        ("fastabi", "passed in registers"),
    ):
        trace = placed(option=option)
        assert words in step_text(trace, first(trace, s.Copy)), option


def test_a_fault_is_marked():
    trace = ran("linear-walk")
    lines = step_text(trace, first(trace, s.CopyFailed)).splitlines()
    assert any(line.startswith("! FAULT") for line in lines)
    assert any(line.startswith("> FAILED") for line in lines)


def encrypted(option: str) -> Trace:
    text = SCENARIO[: SCENARIO.index("[[action]]")].replace("smap = false", 'encryption = "sev"')
    call = (
        '[[action]]\ndo = "call"\nhypercall = "event_channel_op send"\nwith = { arg = "@send" }\n'
    )
    return run(parse_scenario(text + call), option)


def test_ciphertext_is_noticed_and_nothing_is_said_of_the_handler():
    trace = encrypted("number-bit")
    text = flat(trace, first(trace, s.Move))
    assert "is private to the guest: the data that Xen read there differs from the guest's" in text
    assert "the handler's use of these bytes is not modelled" in text
    assert "CIPHERTEXT" in text
    assert "The error is silent" not in text
    assert "2 vCPUs, SEV" in trace_text(trace)


def test_a_miss_with_nothing_registered_fails_where_no_walk_can_be():
    trace = encrypted("software-tlb")
    text = flat(trace, first(trace, s.TlbLookup))
    assert "nothing is registered" in text
    assert "the copy fails" in text
    assert way_of(trace) == "TLB miss, copy fails"


def test_an_insertion_of_many_pieces_shows_few_on_a_miss():
    tables, recorder = TlbTables(1), s.Recorder()
    for page in range(5):
        recorder.add(
            tables.insert(0, TlbEntry(Gva(page << 12), Gpa(page << 13), 8, True, None, "x"))
        )
    step = s.Copy(
        cite=s.Cite("x"),
        direction=s.Direction.TO,
        handle=0x9000,
        size=8,
        role="r",
        current=0,
        subject=0,
    )
    with recorder.under(step):
        recorder.add(tables.lookup(Gva(0x9000), 8, asked=0))
    assert "and 2 more entries" in step_text(path_of(recorder.nodes), 6)


def test_counts_are_words_without_zeros():
    trace = ran("linear-walk")
    words = counted(trace.outcome.calls)
    assert words[-1].endswith("copied")
    assert not [word for word in words[:-1] if word.startswith("0 ")]
    assert counted(counts_of(()))[-1] == "0 bytes copied"


def test_a_long_copy_shows_the_rows_around_the_step():
    recorder, cite = s.Recorder(), s.Cite("x")
    step = s.Copy(
        cite=cite,
        direction=s.Direction.FROM,
        handle=0x1000,
        size=160,
        role="r",
        current=0,
        subject=0,
    )
    with recorder.under(step):
        for number in range(40):
            gpa = Gpa(number << 12)
            recorder.add(
                s.Move(cite=cite, direction=s.Direction.FROM, gpa=gpa, mfn=None, size=4, meant=gpa)
            )
    trace = path_of(recorder.nodes)
    middle = step_text(trace, 30).splitlines()
    assert "            ... 13 rows before" in middle
    assert "            ... 5 more to come" in middle
    assert any(line.startswith("  handle") for line in middle)
    assert not any("rows before" in line for line in step_text(trace, 18).splitlines())
    assert not any("more to come" in line for line in step_text(trace, 34).splitlines())


def test_the_placed_path_is_a_run_like_any_other():
    assert placed().outcome.status in {"right", "error"}


def outside_any_call(*steps: s.Step) -> Trace:
    """One copy that Xen makes for vCPU 1 while vCPU 0 runs, outside any hypercall."""
    recorder = s.Recorder()
    step = s.Copy(
        cite=s.Cite("x"),
        direction=s.Direction.TO,
        handle=0x9000,
        size=8,
        role="r",
        current=0,
        subject=1,
    )
    with recorder.under(step):
        for each in steps:
            recorder.add(each)
    return path_of(recorder.nodes)


def moved(way: str) -> s.Move:
    return s.Move(
        cite=s.Cite("x"), direction=s.Direction(way), gpa=Gpa(0x5000), mfn=None, size=8, meant=None
    )


def test_an_update_outside_any_call_tells_nobody_either():
    text = flat(outside_any_call(moved("to")), 1)
    assert "the caller meant no frame of the guest. The error is silent." in text


def test_a_copy_that_fails_later_is_not_called_silent():
    fault = s.Fault(cite=s.Cite("x"), what=s.FaultKind.P2M, reason="none")
    assert "The error is silent" not in flat(outside_any_call(moved("to"), fault), 1)


def test_a_table_without_the_entry_is_said_to_have_none():
    lookup = TlbTables(2).lookup(Gva(0x9000), 8, asked=0, subject=1)
    assert "vCPU 1's own table has no entry for it" in flat(outside_any_call(lookup), 1)


def test_a_call_that_fails_after_a_wrong_write_is_not_called_silent():
    recorder, cite = s.Recorder(), s.Cite("x")
    with recorder.under(s.Hypercall(cite=cite, vcpu=0, name="n", number=1, args=())):
        step = s.Copy(
            cite=cite,
            direction=s.Direction.TO,
            handle=0x9000,
            size=8,
            role="r",
            current=0,
            subject=0,
        )
        with recorder.under(step):
            recorder.add(moved("to"))
        recorder.add(s.Return(cite=cite, vcpu=0, value=-14, name="EFAULT"))
    assert "The error is silent" not in flat(path_of(recorder.nodes), 2)

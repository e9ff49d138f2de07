from __future__ import annotations

import pytest

from xenexplore.addr import Gfn, Gva
from xenexplore.errors import RecordingError
from xenexplore.hypercalls.plan.explain import name_of
from xenexplore.recording.conversion.to_scenario import find_row, to_scenario
from xenexplore.recording.conversion.touched_memory import touched_memory
from xenexplore.recording.format.reader import read_recording
from xenexplore.recording.matching.recorded_calls import Matcher, recorded_calls
from xenexplore.scenario.library.builtin import load_builtin
from xenexplore.scenario.run.runner import check, compare, run
from xenexplore.scenario.text.loader import parse_scenario
from xenexplore.scenario.text.writer import write_scenario
from xenexplore.steps import Copy, P2mLookup


@pytest.fixture(scope="module")
def pvh():
    return read_recording("pvh")


def test_the_library_s_call_is_the_recorded_one(pvh):
    recorded = to_scenario(pvh, find_row(pvh, 2621))
    (buffer,) = recorded.buffers
    assert (buffer.address, buffer.frames, buffer.size) == (
        Gva(0xFFFFC90000613B2C),
        (Gfn(0x6BF7),),
        4,
    )
    ours = run(load_builtin("evtchn-send-from-stack"), "linear-walk")
    theirs = run(recorded, "linear-walk")
    for trace in (ours, theirs):
        (copy,) = [node.step for node in trace.steps if isinstance(node.step, Copy)]
        assert (copy.direction, copy.handle, copy.size) == ("from", 0xFFFFC90000613B2C, 4)
        looked_up = [node.step for node in trace.steps if isinstance(node.step, P2mLookup)]
        assert looked_up[-1].gfn == Gfn(0x6BF7)
    assert check(recorded) == ()


# One call of each kind that dom0 makes with a struct that says where more lies,
# and some that it makes often.  The model must copy what the real Xen copied.
KINDS = (
    "event_channel_op.send",
    "event_channel_op.alloc_unbound",
    "vcpu_op.register_runstate_memory_area",
    "vcpu_op.set_singleshot_timer",
    "memory_op.memory_map",
    "memory_op.populate_physmap",
    "memory_op.add_to_physmap",
    "grant_table_op.map_grant_ref",
    "hvm_op.set_param",
    "console_io.write",
    "sched_op.poll",
)


def test_what_xen_copied_is_what_the_model_copies(pvh):
    """O0 against a real Xen: same copies, same order, same lengths, one walk a page."""
    wanted = dict.fromkeys(KINDS)
    for seen in recorded_calls(pvh):
        name = name_of(seen.call)
        if seen.copies and name in wanted and wanted[name] is None:
            wanted[name] = seen.row
    found = {name: row for name, row in wanted.items() if row is not None}
    assert len(found) >= 8, sorted(found)
    for name, row in found.items():
        scenario = to_scenario(pvh, row)
        assert scenario.expects, f"{name}: {scenario.about.text}"
        assert check(scenario) == (), name
        assert parse_scenario(write_scenario(scenario), scenario.source) == scenario


def test_a_recorded_call_runs_under_its_options(pvh):
    comparison = compare(to_scenario(pvh, find_row(pvh, 2621)))
    assert [row.trace.outcome.status for row in comparison.rows] == ["right"] * 4


def test_a_number_within_a_domain(pvh):
    row = find_row(pvh, 0, domain="dom1")
    assert pvh.domains[int(pvh.calls.domain[row])].name == "dom1"
    assert row == int(pvh.of_domain(int(pvh.calls.domain[row]))[0])


def test_early_boot_runs_in_the_kernel_s_own_tables(pvh):
    scenario = to_scenario(pvh, find_row(pvh, 0))
    assert scenario.actions[0].do == "switch"
    assert check(scenario) == ()


@pytest.mark.parametrize(
    ("number", "domain", "told"),
    [(10**9, None, "sequence number"), (10**9, "dom0", "an index of dom0"), (0, "dom9", "dom0")],
)
def test_calls_that_are_not_there(pvh, number, domain, told):
    with pytest.raises(RecordingError, match=told):
        find_row(pvh, number, domain=domain)


def test_a_preempted_call_names_the_one_that_continues_it(pvh):
    """Debian's Xen preempted three multicalls of dom0: each row is one leg."""
    row = find_row(pvh, 5056)
    with pytest.raises(RecordingError, match="preempted: hypercall 5058 continues it"):
        to_scenario(pvh, row)
    calls = list(recorded_calls(pvh))
    verdicts = Matcher(calls)
    assert verdicts.verdict(calls[row]).verdict in ("exact", "free")
    leg = verdicts.continuation(calls[row])
    assert leg is not None
    # Its one entry was preempted: the same list again, with what the entry has become.
    assert leg.call == calls[row].call
    assert leg.row > row
    assert verdicts.continuation(calls[find_row(pvh, 2621)]) is None


def test_copies_in_neighbouring_pages_are_one_buffer():
    copies = [("from", 0x1FF8, 16), ("to", 0x9000, 8), ("to", 0x9010, 8), ("from", 0x5000, 0)]
    found = [(c.start.value, c.size, list(c.pages)) for c in touched_memory(copies)]
    assert found == [(0x1FF8, 16, [1, 2]), (0x9000, 0x18, [9])]

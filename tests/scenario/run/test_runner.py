from __future__ import annotations

import errno

import pytest
from scenario_texts import EVERYTHING, NESTED, SEND, example

from xenexplore.errors import ScenarioError
from xenexplore.options.registry import OPTIONS
from xenexplore.render.text.run.trace import trace_text
from xenexplore.scenario.library.builtin import builtin_names, builtin_text, load_builtin
from xenexplore.scenario.run.runner import check, compare, options_of, run
from xenexplore.scenario.text.loader import parse_scenario
from xenexplore.steps import (
    Action,
    Copy,
    Flip,
    Hypercall,
    Move,
    Note,
    Refusal,
    Return,
    TlbInsert,
    TlbLookup,
    TlbPurge,
)


def steps(trace, kind):
    return [node.step for node in trace.steps if isinstance(node.step, kind)]


@pytest.mark.parametrize("name", builtin_names())
def test_every_built_in_text_fits_in_a_mail(name):
    about = load_builtin(name).about
    assert about.question
    assert about.text
    assert all(len(line) <= 72 for line in about.text.splitlines())
    assert builtin_text(name).isascii()


def test_a_scenario_without_options_runs_under_all_that_were_specified():
    labels = [option.label for option in options_of(example(SEND))]
    assert labels == [name for name, option in OPTIONS.items() if option.specified]


def test_an_option_is_found_by_label_name_or_number():
    scenario = example(EVERYTHING)
    assert run(scenario).option.label == "linear-walk"
    assert run(scenario, "per vCPU").option.given[0] == ("register", ("directmap", "stack"))
    assert run(scenario, "software-tlb").option.label == "per vCPU"
    assert run(scenario, "O2").option.name == "number-bit"
    with pytest.raises(ScenarioError, match="did you mean 'per vCPU'"):
        run(scenario, "per vCPUs")


def test_a_comparison_of_chosen_options():
    scenario = load_builtin("straddle")
    chosen = compare(scenario, ["flat", "linear-walk", "O6"])
    assert list(chosen.outcomes) == ["flat", "linear-walk", "packets"]
    assert [outcome.status for outcome in chosen.outcomes.values()] == ["wrong", "right", "refused"]
    everything = compare(scenario)
    assert chosen.outcomes["flat"] == everything.outcomes["flat"]
    assert list(everything.outcomes) == [option.label for option in options_of(scenario)]
    assert chosen.rows[0].difference is None
    assert chosen.rows[1].difference.other_says.startswith("vCPU 0 makes the hypercall")
    with pytest.raises(ScenarioError, match="did you mean 'flat, checked'"):
        compare(scenario, ["linear-walk", "flat checked"])


def test_expectations_are_not_held_against_options_that_are_added():
    expect = '[[option]]\nuse = "linear-walk"\n[[expect]]\nstatus = "right"\n'
    scenario = example(SEND + expect)
    comparison = compare(scenario, ["linear-walk", "packets"])
    assert comparison.outcomes["packets"].status == "refused"
    assert comparison.failed == ()


def test_contents_reach_the_guest_and_xen():
    """Xen reads the handle out of the struct and follows it across two frames."""
    trace = run(example(NESTED))
    struct, *extents = steps(trace, Copy)
    buffer = trace.machine.buffer("extents")
    assert struct.role.startswith("xen_memory_reservation")
    # populate_physmap reads one extent after the other.
    from_array = [copy for copy in extents if copy.direction == "from"]
    assert [copy.handle for copy in from_array] == [buffer.va.value + 8 * n for n in range(4)]
    frames = {move.gpa.value >> 12 for move in steps(trace, Move)}
    assert {frame.value for frame in buffer.frames} <= frames
    assert trace.outcome.status == "right"


def test_a_remapped_buffer_is_stale_in_the_table_and_not_in_a_walk():
    text = SEND.replace('"stack"', '"vmalloc"') + '[[action]]\ndo = "remap"\nbuffer = "op"\n'
    text += text[text.index("[[action]]") : text.index('[[action]]\ndo = "remap"')]
    text += '[[option]]\nuse = "software-tlb"\nregister = ["buffer:op"]\n'
    scenario = example(text)
    stale = run(scenario)
    assert stale.outcome.status == "wrong"
    assert stale.outcome.wrong_bytes == 4
    assert run(scenario, "linear-walk").outcome.status == "right"
    purge = '[[action]]\ndo = "purge"\nwhat = "buffer:op"\n'
    after = text.index('buffer = "op"\n', text.index('"remap"')) + len('buffer = "op"\n')
    purged = run(example(text[:after] + purge + text[after:]))
    assert purged.outcome.status == "right"
    (step,) = steps(purged, TlbPurge)
    assert len(step.removed) == 1


def test_actions_on_tables_say_so_where_there_are_none():
    notes = [note.text for note in steps(run(example(EVERYTHING)), Note)]
    assert sum("has no registered buffers" in note for note in notes) == 7
    tlb = run(example(EVERYTHING), "per vCPU")
    assert len(steps(tlb, TlbInsert)) > 2
    assert [step.scope for step in steps(tlb, TlbPurge)][-2:] == ["all", "range"]
    assert not any("registered buffers" in note.text for note in steps(tlb, Note))


def test_a_multicall_is_preempted_where_the_text_says():
    trace = run(example(EVERYTHING))
    legs = [step for step in steps(trace, Hypercall) if step.name == "multicall"]
    assert [leg.leg for leg in legs] == [0, 1]
    assert legs[1].args[1] == 1  # one entry is left
    assert legs[1].args[0] == legs[0].args[0] + 64


def test_a_call_that_stops_halfway_says_how_far_it_came():
    """Its number is in RAX, with no errno; the views say what it is."""
    done = steps(run(example(NESTED)), Return)
    assert [(step.value, step.what) for step in done] == [(4, "extents done")]
    lost = '[[option]]\nuse = "number-bit"\ncontinuation = "lost"\n'
    trace = run(example(NESTED + "preempt = [2]\n" + lost))
    assert (trace.outcome.status, trace.outcome.result) == ("error", 2)
    assert "2, extents done" in trace_text(trace)
    assert "(returns 2)" in trace_text(trace)


def test_answers_that_are_not_modelled_are_not_called_success():
    version = SEND.replace("event_channel_op send", "xen_version version")
    (step,) = steps(run(example(version.replace('{ arg = "@op" }', "{ arg = 0 }"))), Return)
    assert step.value == 0
    assert step.what.startswith("in place of the major number")


def test_user_access_and_rings():
    text = SEND.replace('place = "stack"', 'place = "user"')
    faulted = run(example(text))
    assert faulted.outcome.result == -14  # SMAP: the kernel has not opened user access
    opened = run(example(text.replace("with = {", "user = true\nwith = {")))
    assert opened.outcome.status == "right"
    ring = run(example(SEND.replace("with = {", "cpl = 3\nwith = {")))
    assert [step.value for step in steps(ring, Return)] == [-1]
    assert not steps(ring, Copy)


def test_an_encrypted_guest_shares_and_takes_back():
    text = SEND.replace('"stack"', '"vmalloc"') + '[guest]\nencryption = "sev"\n'
    shared = '[[action]]\ndo = "share"\nbuffer = "op"\n'
    trace = run(example(text + shared + shared + shared + "shared = false\n"))
    assert [flip.shared for flip in steps(trace, Flip)] == [True, False]
    assert trace.outcome.status == "error"  # Xen cannot walk what is encrypted


def test_a_p2m_type_stops_a_copy():
    action = '[[action]]\ndo = "p2m"\nbuffer = "op"\ntype = "p2m_ram_paged"\n'
    text = SEND[: SEND.index("[[action]]")] + action + SEND[SEND.index("[[action]]") :]
    trace = run(example(text))
    assert (trace.outcome.status, trace.outcome.result) == ("error", -14)


def test_unmapped_and_read_only_buffers_fault():
    start = SEND.index("[[action]]")
    unmap = SEND[:start] + '[[action]]\ndo = "unmap"\nbuffer = "op"\n' + SEND[start:]
    assert run(example(unmap)).outcome.result == -14
    alloc = SEND.replace("evtchn_send", "evtchn_alloc_unbound").replace("port = 5", "dom = 1")
    alloc = alloc.replace("_op send", "_op alloc_unbound")
    start = alloc.index("[[action]]")
    locked = alloc[:start] + '[[action]]\ndo = "protect"\nbuffer = "op"\n' + alloc[start:]
    assert run(example(alloc)).outcome.status == "right"
    assert run(example(locked)).outcome.result == -14
    lost = run(example(locked), "number-bit")
    assert (lost.outcome.result, lost.outcome.lost_checks) == (0, 1)


def test_an_option_that_refuses_the_guest_does_nothing_else():
    trace = run(example(SEND + '[guest]\ntype = "pv"\n'), "software-tlb")
    (node,) = trace.steps
    assert isinstance(node.step, Refusal)
    assert trace.outcome.status == "refused"


def test_what_only_some_options_ask_of_the_guest_is_refused_by_those():
    """No RAM behind the buffer: Xen fails the copy; a guest that would bounce cannot even begin."""
    mmio = '[[action]]\ndo = "p2m"\nbuffer = "op"\ntype = "p2m_mmio_direct"\n'
    found = compare(example(SEND.replace("[[action]]", mmio + "[[action]]", 1)))
    outcomes = {trace.option.name: trace.outcome for trace in found.traces}
    refused = {name for name, outcome in outcomes.items() if outcome.status == "refused"}
    assert refused == {"bounce", "fastabi"}
    assert "cannot read 4 bytes" in outcomes["bounce"].refusals[0]
    assert {outcomes[name].status for name in outcomes.keys() - refused} == {"error"}
    assert {outcomes[name].result for name in outcomes.keys() - refused} == {-errno.EFAULT}


def test_a_write_to_a_read_only_frame_is_dropped_and_reported_as_done():
    """__hvm_copy() leaves out the memcpy() of p2m_is_discard_write() types and says okay."""
    text = SEND.replace("evtchn_send", "evtchn_alloc_unbound").replace(
        "_op send", "_op alloc_unbound"
    )
    text = text.replace("port = 5", 'dom = "DOMID_SELF"')
    read_only = '[[action]]\ndo = "p2m"\nbuffer = "op"\ntype = "p2m_ram_ro"\n'
    trace = run(example(text.replace("[[action]]", read_only + "[[action]]", 1)), "linear-walk")
    read, written = steps(trace, Move)
    assert (read.spoilt, read.right) == ("", True)
    assert (written.spoilt, written.right) == ("dropped", False)
    assert "dropped because the page is read-only; Xen reports success" in written.say()
    outcome = trace.outcome
    assert (outcome.status, outcome.result, outcome.wrong_bytes) == ("wrong", 0, 8)
    assert (outcome.calls.bytes_from_guest, outcome.calls.bytes_to_guest) == (8, 0)
    assert "WRONG: bytes dropped, without a fault (returns 0)" in trace_text(trace)


def test_a_region_that_the_kernel_lacks_is_refused_by_the_options_that_register_it():
    text = SEND + '[guest]\nkernel = "no-directmap"\n'
    for use in ("linear-walk", "software-tlb", "gfn-lists", "giant-map"):
        register = 'register = ["directmap"]\n' if use in ("software-tlb", "gfn-lists") else ""
        text += f'[[option]]\nuse = "{use}"\n{register}'
    outcomes = compare(example(text)).outcomes
    assert outcomes["linear-walk"].status == "right"
    for name in ("software-tlb", "gfn-lists", "giant-map"):
        assert outcomes[name].refusals == ("kernel 'no-directmap' has no directmap to register",)


def test_what_cannot_be_built_names_its_line():
    with pytest.raises(ScenarioError, match=r"example.toml: line 5, buffer 'op'.*no kind of place"):
        run(example(SEND.replace('"stack"', '"percpu"') + '[guest]\nkernel = "unikernel"\n'))
    remap = '[[action]]\ndo = "remap"\nbuffer = "op"\n'
    with pytest.raises(ScenarioError, match=r"line 15, action 2 \(remap\).*no kernel remaps"):
        run(example(SEND.replace('"stack"', '"kmalloc"') + remap))
    option = '[[option]]\nuse = "software-tlb"\nregister = ["buffer:opp"]\n'
    with pytest.raises(ScenarioError, match=r"line 15, option 'software-tlb'.*opp"):
        run(example(SEND + option))


def test_a_list_too_small_for_a_multicall_is_refused():
    text = EVERYTHING.replace(
        'name = "list"\nplace = "kmalloc"\nsize = 128',
        'name = "list"\nplace = "kmalloc"\nsize = 64',
    )
    with pytest.raises(ScenarioError, match="has 64 bytes: 2 entries of a multicall need 128"):
        run(example(text))


def test_every_action_has_a_step_of_its_own():
    trace = run(example(EVERYTHING))
    told = [step.name for step in steps(trace, Action)]
    assert told == [action.do for action in example(EVERYTHING).actions]


def test_registered_areas():
    trace = run(example(EVERYTHING), "phys-twins")
    area = trace.machine.buffer("area")
    written = [copy.handle for copy in steps(trace, Copy) if "runstate" in copy.role]
    assert area.frames[0].value << 12 | area.va.offset in written
    told = [note.text for note in steps(trace, Note)]
    assert "vCPU 0 has no registered area: nothing is written." in told


def test_expectations_that_do_not_hold_say_what_came_instead():
    expects = """
[[expect]]
status = "wrong"
result = "EFAULT"
right_bytes = 5
wrong_bytes = 1
lost_checks = 1
hazards = ["stale entry"]
reason = "PV"
counts = { walks = 2 }
setup = { exits = 1 }
"""
    scenario = example(SEND + '[[option]]\nuse = "linear-walk"\n' + expects)
    assert check(scenario) == (
        "line 18: linear-walk: expected status wrong, got right",
        "line 18: linear-walk: expected result -EFAULT, got 0",
        "line 18: linear-walk: expected right_bytes 5, got 4",
        "line 18: linear-walk: expected wrong_bytes 1, got 0",
        "line 18: linear-walk: expected lost_checks 1, got 0",
        "line 18: linear-walk: expected hazards stale entry, got none",
        "line 18: linear-walk: expected a refusal with 'PV', got no refusal",
        "line 18: linear-walk: expected 2 walks in counts, got 1",
        "line 18: linear-walk: expected 1 exits in setup, got 0",
    )
    assert compare(scenario).failed == check(scenario)


def test_expectations_are_about_the_options_that_they_name():
    options = '[[option]]\nuse = "linear-walk"\n[[option]]\nuse = "number-bit"\n'
    expect = '[[expect]]\noption = "number-bit"\ncounts = { walks = 1 }\n'
    (failed,) = check(example(SEND + options + expect))
    assert "number-bit: expected 1 walks in counts, got 0" in failed


def test_first_differences():
    comparison = compare(load_builtin("evtchn-send-from-stack"))
    rows = {row.trace.option.label: row for row in comparison.rows}
    first = rows["linear-walk"]
    assert first.difference is None
    assert rows["phys-twins"].difference is None
    giant = rows["giant-map"].difference
    assert isinstance(giant, type(rows["number-bit"].difference))
    assert isinstance(rows["giant-map"].trace.steps[giant.other].step, TlbLookup)
    assert not rows["giant-map"].trace.steps[giant.other].step.hit
    assert first.trace.steps[giant.first].step.kind == "piece"
    assert giant.other_says.endswith("miss after 1 compare.")
    assert repr(comparison).startswith("<Comparison evtchn-send-from-stack: 8 options, 8 right")


def test_a_run_that_ends_earlier_differs_where_it_ends():
    text = SEND + '[[option]]\nuse = "linear-walk"\n[[option]]\nuse = "abi-v2"\n'
    row = compare(example(text)).rows[1]
    assert row.difference.first_says.startswith("vCPU 0 calls")
    assert row.difference.other_says.startswith("Not possible under this option")


def test_without_registered_buffers_registering_is_no_difference():
    comparison = compare(load_builtin("wrong-vcpu"))
    rows = {row.trace.option.label: row for row in comparison.rows}
    told = rows["software-tlb"].difference
    assert rows["linear-walk"].trace.steps[told.first].step.kind == "piece"
    assert isinstance(rows["software-tlb"].trace.steps[told.other].step, TlbLookup)


def test_between_two_tables_registering_is_a_difference():
    text = builtin_text("wrong-vcpu").replace('use = "linear-walk"\n', 'use = "software-tlb"\n', 1)
    text = text[: text.index("[[expect]]")].replace('use = "software-tlb"\n\n[[option]]\n', "", 1)
    rows = {row.trace.option.label: row for row in compare(parse_scenario(text)).rows}
    told = rows["tlb, global only"].difference
    assert "rejects the registration" in told.other_says
    assert "registers 48 bytes" in told.first_says


def test_a_comparison_of_nothing_is_refused():
    with pytest.raises(ScenarioError, match="expected one option or more, each once, got none"):
        compare(example(SEND), [])


def test_a_name_stands_for_its_scenario() -> None:
    name = "evtchn-send-from-stack"
    scenario = load_builtin(name)
    assert run(name, "software-tlb").to_json() == run(scenario, "software-tlb").to_json()
    assert compare(name, ["linear-walk"]).text() == compare(scenario, ["linear-walk"]).text()
    assert check(name) == check(scenario)
    with pytest.raises(ScenarioError, match="straddle"):
        run("stradle")

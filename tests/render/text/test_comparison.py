from __future__ import annotations

from functools import lru_cache

from render_traces import placed

from xenexplore import steps as s
from xenexplore.options.registry import OPTIONS
from xenexplore.render.text.run.comparison import comparison_text
from xenexplore.render.views.comparison import measures_of, sides_of, way_of
from xenexplore.scenario.run.comparison import Comparison, ComparisonRow
from xenexplore.scenario.run.differences import first_difference
from xenexplore.scenario.run.runner import compare
from xenexplore.scenario.text.loader import parse_scenario

SPLIT = """
name = "split"
title = "Four bytes over two non-contiguous frames"
[[buffer]]
name = "split"
place = "vmalloc"
size = 4
offset = 4094
[[action]]
do = "call"
hypercall = "event_channel_op send"
with = { arg = "@split" }
[[option]]
use = "linear-walk"
[[option]]
use = "number-bit"
[[option]]
use = "number-bit"
label = "a guest that checks its frames, and refuses"
not_contiguous = "refuse"
[[option]]
use = "abi-v2"
[[expect]]
option = "number-bit"
status = "right"
"""


@lru_cache
def everything() -> Comparison:
    traces = [placed(option=name) for name in OPTIONS]
    rows = [
        ComparisonRow(
            trace=trace, difference=first_difference(traces[0], trace) if number else None
        )
        for number, trace in enumerate(traces)
    ]
    return Comparison(about=traces[0].about, rows=tuple(rows))


@lru_cache
def split() -> Comparison:
    return compare(parse_scenario(SPLIT))


def table(text: str) -> list[str]:
    rules = [number for number, line in enumerate(text.splitlines()) if line.startswith("----")]
    return text.splitlines()[rules[0] + 1 : rules[1]]


def test_all_options_stand_in_every_block():
    lines = table(comparison_text(everything()))
    for option in OPTIONS.values():
        rows = [line for line in lines if line.startswith(f"{option.ident:3} {option.name}")]
        assert len(rows) == lines.count("") + 1 > 1


def test_the_numbers_are_the_outcomes():
    comparison = everything()
    measures = measures_of(comparison)
    for side, row in zip(sides_of(comparison), comparison.rows, strict=True):
        shown = dict(zip([m.what for m in measures], side.values, strict=True))
        calls = row.trace.outcome.calls
        assert shown["walks of guest tables"] == (str(calls.walks) if calls.walks else ".")
        assert shown["P2M entries read for them"] == (str(calls.p2m_entry_reads or "."))
        if calls.tlb_lookups:
            hits = f"{calls.tlb_hits}/{calls.tlb_lookups}"
            assert shown["hits / lookups in registered buffers or remembered walks"] == hits


def test_a_measure_that_is_nothing_under_every_option_is_left_out():
    heads = {" ".join(measure.head) for measure in measures_of(everything())}
    assert "walks" in heads
    assert "flips" not in heads
    assert "bytes wrong" not in heads


def test_silent_damage_stands_out():
    text = comparison_text(split())
    (wrong,) = [side for side in sides_of(split()) if side.status == "wrong"]
    assert wrong.label == "number-bit"
    assert "(WRONG)" in wrong.way
    assert "the caller meant gfn" in wrong.note
    assert "hazards observed\n  number-bit: not contiguous" in text


def test_a_refusal_has_dashes_and_its_reason():
    lines = table(comparison_text(split()))
    (row,) = [line for line in lines if line.startswith("O5  abi-v2")][:1]
    assert set(row.split()[3:]) == {"-"}
    text = " ".join(comparison_text(split()).split())
    assert "abi-v2: never specified: no text of ABI v2 was published" in text
    assert "no single physical address" in text


def test_a_long_label_wraps_inside_its_column():
    lines = table(comparison_text(split()))
    at = next(number for number, line in enumerate(lines) if line.startswith("O2  a guest that"))
    assert lines[at + 1 : at + 3] == ["    checks its frames,", "    and refuses"]


def test_expectations_that_do_not_hold_are_shown():
    assert "EXPECTATIONS THAT DO NOT HOLD" in comparison_text(split())
    assert "EXPECTATIONS" not in comparison_text(everything())


def test_errors_show_what_the_call_returned():
    text = SPLIT.replace('do = "call"', 'do = "unmap"\nbuffer = "split"\n[[action]]\ndo = "call"')
    text = text[: text.index("[[option]]")] + '[[option]]\nuse = "linear-walk"\n'
    comparison = compare(parse_scenario(text))
    assert "-EFAULT" in "\n".join(table(comparison_text(comparison)))
    assert "-EFAULT" not in "\n".join(table(comparison_text(everything())))
    assert way_of(comparison.rows[0].trace).endswith("page fault")


def test_the_way_names_what_each_option_does():
    ways = {side.label: side.way for side in sides_of(everything())}
    gfn = f"gfn {placed().machine.buffer('on-stack').frames[0].value:05x} (right)"
    assert ways["linear-walk"] == f"walk L4-L1, {gfn}"
    assert ways["software-tlb"] == f"TLB miss, walk L4-L1, {gfn}"
    assert ways["number-bit"] == f"guest translates, {gfn}"
    assert ways["sg-policy"].startswith(
        "guest translates, guest writes its arguments, 2 x list read"
    )
    assert ways["bounce"].startswith("guest bounces, gfn")
    assert ways["fastabi"] == "guest loads registers"


def test_the_first_difference_is_a_step_of_that_path():
    for side, row in zip(sides_of(everything()), everything().rows, strict=True):
        if side.differs is not None and side.differs[0] is not None:
            assert not isinstance(row.trace.steps[side.differs[0]].step, s.Phase)
    text = comparison_text(everything())
    assert "first step that differs from linear-walk's" in text
    assert "phys-twins: none, apart from the setup" in text

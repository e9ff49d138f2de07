from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from render_traces import path_of, placed, trees

from xenexplore.render.text.run.address_map import map_text
from xenexplore.render.text.run.comparison import comparison_text
from xenexplore.render.text.run.registered import registered_text
from xenexplore.render.text.run.step import step_text
from xenexplore.render.text.run.trace import trace_text
from xenexplore.scenario.run.comparison import Comparison, ComparisonRow, Difference


def fits(text: str, *, unicode: bool) -> None:
    assert text.endswith("\n")
    for line in text.splitlines():
        assert len(line) <= 72, line
        assert line == line.rstrip()
    assert unicode or text.isascii()


@given(nodes=trees(), unicode=st.booleans(), folded=st.booleans())
@settings(max_examples=50)
def test_a_path_fits_a_mail(nodes, unicode, folded):
    fits(trace_text(path_of(nodes), unicode=unicode, folded=folded), unicode=unicode)


@given(nodes=trees(), unicode=st.booleans(), data=st.data())
@settings(max_examples=60)
def test_every_step_fits_a_mail_and_is_marked_once(nodes, unicode, data):
    index = data.draw(st.integers(0, len(nodes) - 1))
    text = step_text(path_of(nodes), index, unicode=unicode)
    fits(text, unicode=unicode)
    mark = "\u25b6" if unicode else ">"
    rule = ("\u2500" if unicode else "-") * 72
    lines = text.splitlines()
    first = lines.index(rule)
    rows = lines[first + 1 : lines.index(rule, first + 1)]
    assert sum(line.startswith(mark + " ") for line in rows) == 1
    assert f"step {index}/{len(nodes) - 1}" in text


@given(nodes=trees(), unicode=st.booleans(), data=st.data())
@settings(max_examples=60)
def test_the_map_and_the_tables_fit_a_mail(nodes, unicode, data):
    index = data.draw(st.none() | st.integers(0, len(nodes) - 1))
    machine = placed(data.draw(st.sampled_from(["pvh", "pv"]))).machine
    trace = path_of(nodes, machine)
    fits(map_text(trace, index, unicode=unicode), unicode=unicode)
    fits(registered_text(trace, index, unicode=unicode), unicode=unicode)


@given(runs=st.lists(trees(most=8), min_size=1, max_size=13), unicode=st.booleans())
@settings(max_examples=25)
def test_a_comparison_fits_a_mail_however_many_options(runs, unicode):
    traces = [path_of(nodes) for nodes in runs]
    rows = [
        ComparisonRow(
            trace=trace,
            difference=Difference(
                first=0, other=None if number % 3 == 0 else 0, first_says="x", other_says="y " * 60
            )
            if number % 2
            else None,
            failed=("it does not hold, " * 6,) if number % 4 == 1 else (),
        )
        for number, trace in enumerate(traces)
    ]
    comparison = Comparison(about=traces[0].about, rows=tuple(rows))
    text = comparison_text(comparison, unicode=unicode)
    fits(text, unicode=unicode)
    assert text.count("random") >= len(rows)


@pytest.mark.parametrize("kind", ["pvh", "hvm", "pv"])
def test_real_runs_fit_too(kind):
    trace = placed(kind)
    for unicode in (False, True):
        fits(trace_text(trace, unicode=unicode), unicode=unicode)
        fits(map_text(trace, unicode=unicode), unicode=unicode)
        for index in range(len(trace)):
            fits(step_text(trace, index, unicode=unicode), unicode=unicode)

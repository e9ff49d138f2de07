from __future__ import annotations

import itertools
import os
import subprocess
import sys
from dataclasses import replace
from functools import lru_cache
from xml.etree import ElementTree as ET

import pytest
import render_traces as made
from hypothesis import given, settings
from hypothesis import strategies as st

from xenexplore.errors import MachineError
from xenexplore.render.drawing.canvas import Canvas, Text
from xenexplore.render.drawing.text_metrics import width_of
from xenexplore.render.drawing.theme import THEMES, theme_of
from xenexplore.render.svg.explanation import COUNTED, capitalised
from xenexplore.render.svg.tables import tone_of
from xenexplore.render.svg.views import VIEWS, drawing, svg_of
from xenexplore.render.views.moment import moment_at
from xenexplore.scenario.library.builtin import load_builtin
from xenexplore.scenario.run.comparison import Comparison
from xenexplore.scenario.run.runner import compare, run
from xenexplore.scenario.run.trace import Trace
from xenexplore.steps import Copy, Move, PteRead
from xenexplore.tlb.history import registered_at

SVG = "{http://www.w3.org/2000/svg}"
OF_PATH = [view for view in VIEWS if view != "comparison"]
RUNS = [
    ("evtchn-send-from-stack", "giant-map"),
    ("evtchn-send-from-stack", "fastabi"),
    ("wrong-vcpu", "software-tlb"),
    ("straddle", "linear-walk"),
    ("encrypted-miss", None),
    ("no-directmap", "giant-map"),
]


@lru_cache
def path_of(name: str, option: str | None = None) -> Trace:
    return run(load_builtin(name), option)


@lru_cache
def options() -> Comparison:
    return compare(load_builtin("wrong-vcpu"))


def texts(svg: str) -> list[str]:
    root = ET.fromstring(svg)
    return ["".join(found.itertext()) for found in root.iter(f"{SVG}text")]


def boxes(canvas: Canvas) -> list[tuple[float, float, float, float, str]]:
    """What each line of text covers, measured in the widest of its fonts."""
    found = []
    for shape in canvas.shapes:
        if isinstance(shape, Text):
            width = width_of(shape.spans, shape.size)
            left = shape.x - {"start": 0.0, "middle": width / 2, "end": width}[shape.anchor]
            top, low = shape.y - 0.72 * shape.size, shape.y + 0.12 * shape.size
            words = "".join(span.text for span in shape.spans)
            found.append((left, top, left + width, low, words))
    return found


def assert_legible(canvas: Canvas) -> None:
    """Nothing is cut off, no two texts cover each other."""
    found = boxes(canvas)
    assert found
    for left, top, right, low, words in found:
        inside = left >= 0 and top >= 0 and right <= canvas.width + 0.5 and low <= canvas.height
        assert inside, f"cut off: {words}"
    for one, other in itertools.combinations(found, 2):
        across = min(one[2], other[2]) - max(one[0], other[0])
        down = min(one[3], other[3]) - max(one[1], other[1])
        assert across <= 1 or down <= 1, f"{one[4]!r} covers {other[4]!r}"


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("view", OF_PATH)
@pytest.mark.parametrize(("name", "option"), RUNS)
def test_every_view_is_whole_and_named(
    name: str, option: str | None, view: str, theme: str
) -> None:
    trace = path_of(name, option)
    svg = svg_of(trace, view=view, theme=theme)
    root = ET.fromstring(svg)
    assert root.tag == f"{SVG}svg"
    assert root.get("role") == "img"
    title, desc = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert title is not None
    assert desc is not None
    assert root.get("aria-labelledby") == f"{title.get('id')} {desc.get('id')}"
    assert (title.text or "").startswith(trace.about.title)
    assert desc.text or view in ("map", "registered")
    size = float(root.get("width", 0)), float(root.get("height", 0))
    assert root.get("viewBox") == f"0 0 {size[0]:g} {size[1]:g}"
    colours = {found.get(paint) for found in root.iter() for paint in ("fill", "stroke")}
    known = {getattr(THEMES[theme], role) for role in THEMES[theme].__slots__} | {"none", None}
    assert colours <= known
    assert "url(" not in svg
    assert "href" not in svg


@pytest.mark.parametrize("view", OF_PATH)
@pytest.mark.parametrize(("name", "option"), RUNS)
def test_nothing_is_cut_off_and_no_text_covers_another(
    name: str, option: str | None, view: str
) -> None:
    trace = path_of(name, option)
    last = len(trace) - 1
    for index in {0, last // 4, last // 2, 3 * last // 4, last}:
        assert_legible(drawing(trace, index, view))


@pytest.mark.parametrize("name", ["wrong-vcpu", "straddle", "encryption-flips"])
def test_a_comparison_is_legible(name: str) -> None:
    comparison = compare(load_builtin(name))
    canvas = drawing(comparison)
    assert_legible(canvas)
    shown = " ".join(texts(canvas.svg()))
    for row in comparison.rows:
        # A label may be broken between two lines, but not within a word.
        assert all(word in shown for word in row.trace.option.label.split())


@given(st.data())
@settings(max_examples=30)
def test_any_run_can_be_drawn(data: st.DataObject) -> None:
    trace = made.path_of(data.draw(made.trees()))
    index = data.draw(st.none() | st.integers(0, len(trace) - 1))
    for view in OF_PATH:
        canvas = drawing(trace, index, view)
        ET.fromstring(canvas.svg())
        for left, top, _, low, words in boxes(canvas):
            assert left >= -1, words
            assert top >= 0, words
            assert low <= canvas.height, words


@pytest.mark.parametrize("kind", ["pvh", "pv", "hvm"])
@pytest.mark.parametrize("view", OF_PATH)
def test_every_kind_of_guest(kind: str, view: str) -> None:
    trace = made.placed(kind)
    for index in (None, 0, len(trace) // 2):
        assert_legible(drawing(trace, index, view))


def test_the_same_run_gives_the_same_bytes() -> None:
    again = run(load_builtin("wrong-vcpu"), "software-tlb")
    for view in OF_PATH:
        assert svg_of(path_of("wrong-vcpu", "software-tlb"), 20, view) == svg_of(again, 20, view)
    assert svg_of(options()) == svg_of(compare(load_builtin("wrong-vcpu")))


def test_no_order_of_hashes_shows() -> None:
    code = (
        "from xenexplore.render.svg.views import svg_of\n"
        "from xenexplore.scenario.library.builtin import load_builtin\n"
        "from xenexplore.scenario.run.runner import run\n"
        "path = run(load_builtin('straddle'), 'linear-walk')\n"
        "print(*(svg_of(path, 20, v) for v in ('stepper', 'map', 'path', 'registered')))"
    )
    found = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "77")
    ]
    assert found[0] == found[1]
    assert found[0].count(b"<svg") == 4


@pytest.mark.parametrize(("name", "option"), RUNS)
def test_a_moment_says_what_the_records_say(name: str, option: str | None) -> None:
    trace = path_of(name, option)
    for index in range(0, len(trace), 5):
        moment = moment_at(trace, index)
        drawn = texts(svg_of(trace, index))
        # Addresses are set in groups without the apostrophes between them.
        run_on = "".join("".join(drawn).split()).replace("'", "")
        assert "".join(moment.sentence.split()).replace("'", "") in run_on
        for field, what in COUNTED:
            once, calls = getattr(moment.once, field), getattr(moment.counts, field)
            assert (what in drawn) == bool(once or calls)
            if once or calls:
                numbers = [f"{once:,}", f"{calls:,}"] if "once" in drawn else [f"{calls:,}"]
                at = drawn.index(what) + 1
                assert drawn[at : at + len(numbers)] == numbers
        assert f"step {index} / {len(trace) - 1}" in drawn


def test_no_space_is_lost_to_a_browser() -> None:
    # Of several spaces a browser draws one.
    for view in OF_PATH:
        svg = svg_of(path_of("evtchn-send-from-stack", "giant-map"), 15, view)
        assert not any("  " in line for line in texts(svg))
    assert "\N{NO-BREAK SPACE}" in svg_of(path_of("straddle", "linear-walk"), 12)


def test_a_sentence_begins_with_a_capital_and_a_vcpu_does_not() -> None:
    assert capitalised("the frame is registered") == "The frame is registered"
    assert capitalised("vCPU 0 is current") == "vCPU 0 is current"


def test_the_frames_of_a_wrong_copy_are_both_drawn() -> None:
    trace = path_of("wrong-vcpu", "software-tlb")
    wrong = next(n for n in trace.steps if isinstance(n.step, Move) and not n.step.right)
    assert isinstance(wrong.step, Move)
    assert wrong.step.meant is not None
    canvas = drawing(trace)
    drawn = texts(canvas.svg())
    assert f"step {wrong.index} / {len(trace) - 1}" in drawn
    assert f"{wrong.step.gpa.value >> 12:05x}" in drawn
    assert f"{wrong.step.meant.value >> 12:05x} meant" in drawn
    assert "\N{MULTIPLICATION X} wrong bytes" in drawn


def test_the_map_names_the_table_that_is_read() -> None:
    trace = path_of("straddle", "linear-walk")
    read = next(node for node in trace.steps if isinstance(node.step, PteRead))
    assert isinstance(read.step, PteRead)
    frame = f"{read.step.table.value >> 12:05x}"
    assert frame in texts(svg_of(trace, read.index, "map"))
    assert frame not in texts(svg_of(trace, 0, "map"))


def test_whose_table_was_asked_and_whose_should_have_been() -> None:
    trace = path_of("wrong-vcpu", "software-tlb")
    wrong = next(n.index for n in trace.steps if isinstance(n.step, Move) and not n.step.right)
    drawn = texts(svg_of(trace, wrong, "registered"))
    assert drawn.index("vCPU 0") < drawn.index("searched") < drawn.index("vCPU 1")
    assert drawn.index("vCPU 1") < drawn.index("should have been searched")
    state = registered_at(trace.steps, wrong)
    for table in state.tables:
        for entry in table.entries:
            shown = f"{entry.va.value >> 32:08x}{entry.va.value & 0xFFFFFFFF:08x}"
            assert any(line.startswith(shown) for line in drawn)


def test_another_vcpus_entry_is_bad_only_where_it_says_something_else() -> None:
    trace = path_of("wrong-vcpu", "software-tlb")
    wrong = next(n.index for n in trace.steps if isinstance(n.step, Move) and not n.step.right)
    search = registered_at(trace.steps, wrong).search
    assert search is not None
    assert search.other is not None
    answered = registered_at(trace.steps, wrong).table(search.step.asked).find(search.step.va)
    assert answered is not None
    assert tone_of(search, answered) == "bad"
    assert tone_of(replace(search, other=answered), answered) == "good"
    assert tone_of(replace(search, other=None), answered) == "bad"


def test_without_registered_buffers_the_view_says_so() -> None:
    trace = path_of("straddle", "linear-walk")
    assert "This option registers no buffers." in texts(svg_of(trace, view="registered"))


def test_a_run_without_a_copy_has_a_path_view_too() -> None:
    trace = path_of("no-directmap", "giant-map")
    assert not any(isinstance(node.step, Copy) for node in trace.steps)
    assert "Nothing is copied in this run." in texts(svg_of(trace, view="path"))


def test_comparison_has_every_count_of_every_option() -> None:
    drawn = texts(svg_of(options()))
    start = drawn.index("page-table reads") + 1
    reads = [f"{row.trace.outcome.calls.pte_reads:,}" for row in options().rows]
    assert drawn[start : start + len(reads)] == reads
    start = drawn.index("bytes wrong") + 1
    wrong = [f"{row.trace.outcome.wrong_bytes:,}" for row in options().rows]
    assert drawn[start : start + len(wrong)] == wrong


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"view": "panorama"}, "no view 'panorama' of a run"),
        ({"view": "comparison"}, "no view 'comparison' of a run"),
        ({"theme": "sepia"}, "no theme 'sepia'"),
        ({"step": 10**6}, "no step 1000000"),
        ({"step": -1}, "no step -1"),
    ],
)
def test_what_is_not_there(given: dict[str, object], said: str) -> None:
    with pytest.raises(MachineError, match=said):
        svg_of(path_of("straddle", "linear-walk"), **given)  # type: ignore[arg-type]


def test_a_comparison_has_one_view() -> None:
    with pytest.raises(MachineError, match="no view 'map' of a comparison"):
        svg_of(options(), view="map")


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("name", THEMES)
@pytest.mark.parametrize("ground", ["paper", "tint"])
@pytest.mark.parametrize("role", ["ink", "quiet", "now", "good", "bad"])
def test_text_stands_out_from_its_ground(name: str, ground: str, role: str) -> None:
    theme = theme_of(name)
    high, low = sorted((luminance(theme.colour(role)), luminance(theme.colour(ground))))[::-1]
    assert (high + 0.05) / (low + 0.05) >= 4.5  # WCAG 2.1, 1.4.3 (AA)

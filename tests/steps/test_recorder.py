from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xenexplore.steps import Cite, Node, Note, Phase, PhaseName, Recorder

CITE = Cite("somewhere")


def note(text: str) -> Note:
    return Note(cite=CITE, text=text)


def phase(name: str) -> Phase:
    return Phase(cite=CITE, name=PhaseName.PREPARE, who="guest", detail=name)


def outline(nodes: tuple[Node, ...]) -> list[tuple[int, int, str]]:
    names = [n.step.detail if isinstance(n.step, Phase) else n.step.text for n in nodes]
    return [(n.parent, n.depth, name) for n, name in zip(nodes, names, strict=True)]


def test_a_heading_without_anything_under_it_is_not_recorded() -> None:
    recorder = Recorder()
    with recorder.headed(phase("setup")), recorder.headed(phase("inner")):
        pass
    recorder.add(note("after"))
    assert outline(recorder.nodes) == [(-1, 0, "after")]


def test_a_heading_is_recorded_with_the_first_step_under_it() -> None:
    recorder = Recorder()
    with recorder.headed(phase("outer")):
        with recorder.headed(phase("empty")):
            pass
        with recorder.headed(phase("inner")):
            recorder.add(note("one"))
            recorder.add(note("two"))
        recorder.add(note("three"))
    recorder.add(note("after"))
    assert outline(recorder.nodes) == [
        (-1, 0, "outer"), (0, 1, "inner"), (1, 2, "one"), (1, 2, "two"), (0, 1, "three"),
        (-1, 0, "after"),
    ]  # fmt: skip


def test_an_error_inside_a_heading_closes_it() -> None:
    recorder = Recorder()
    with pytest.raises(KeyError), recorder.headed(phase("waiting")):
        raise KeyError
    with pytest.raises(AssertionError), recorder.headed(phase("open")):
        assert recorder.add(note("inside")) == 9, "it is 0"
    recorder.add(note("after"))
    assert outline(recorder.nodes) == [(-1, 0, "open"), (0, 1, "inside"), (-1, 0, "after")]


TREES = st.recursive(
    st.just("note"), lambda inner: st.tuples(st.booleans(), st.lists(inner, max_size=4))
)


@given(tree=st.lists(TREES, max_size=5))
def test_headings_are_steps_that_have_others_inside(tree: list[object]) -> None:
    """The same tree, all recorded at once and the empty headings taken out by hand."""
    recorder = Recorder()
    expected: list[tuple[int, int, str]] = []

    def has_any(item: object) -> bool:
        return not isinstance(item, tuple) or not item[0] or any(map(has_any, item[1]))

    def record(item: object, parent: int, depth: int) -> None:
        if not isinstance(item, tuple):
            recorder.add(note("note"))
            expected.append((parent, depth, "note"))
            return
        lazy, inner = item
        if not lazy or has_any(item):
            expected.append((parent, depth, "phase"))
        at = len(expected) - 1
        with recorder.headed(phase("phase")) if lazy else recorder.under(phase("phase")):
            for child in inner:
                record(child, at, depth + 1)

    for item in tree:
        record(item, -1, 0)
    assert outline(recorder.nodes) == expected

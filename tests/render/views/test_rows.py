from __future__ import annotations

from hypothesis import given, settings
from render_traces import KINDS, any_step, cites, path_of, placed, trees

from xenexplore import steps as s
from xenexplore.addr import Gfn, Gpa, Mfn
from xenexplore.render.text.run.trace import trace_text
from xenexplore.render.views.rows import StepTree, rows_of
from xenexplore.render.views.step_labels import step_label

CITE = s.Cite("x")


@given(nodes=trees())
@settings(max_examples=60)
def test_every_step_is_on_exactly_one_row(nodes):
    tree = StepTree(nodes)
    shown = [
        index for row in rows_of(tree, folded=False) for index in range(row.first, row.last + 1)
    ]
    assert shown == [node.index for node in nodes]


@given(nodes=trees())
@settings(max_examples=60)
def test_folding_hides_no_step_unnamed(nodes):
    tree = StepTree(nodes)
    rows = rows_of(tree)
    shown = [index for row in rows for index in range(row.first, row.last + 1)]
    assert shown == list(range(len(nodes)))
    assert len(rows) <= len(rows_of(tree, folded=False))


@given(nodes=trees())
@settings(max_examples=50)
def test_the_tree_knows_what_is_inside(nodes):
    tree = StepTree(nodes)
    for node in nodes:
        inside = [n.index for n in tree.inside(node.index)]
        assert inside == [n.index for n in nodes if node.index in tree.around(n.index)]
        assert tree.end(node.index) == inside[-1]
        assert len(tree.around(node.index)) == node.depth + 1
        assert all(nodes[child].parent == node.index for child in tree.children(node.index))
    assert tree.children(-1) == [node.index for node in nodes if node.parent < 0]


def walk_of(level: int, start: int, gfn: int = 0x10F) -> list[s.Step]:
    at = Gpa(0x10F000 + 8 * start)
    lookup = s.P2mLookup(
        cite=CITE, gfn=Gfn(gfn), mfn=Mfn(5), p2m_type="p2m_ram_rw", order=0, entry_reads=4,
        purpose=s.Purpose.TABLE, level=level,
    )  # fmt: skip
    read = s.PteRead(
        cite=CITE, level=level, table=Gpa(0x10F000), index=start, entry_at=at,
        entry=0x67, flags="P RW US A",
    )  # fmt: skip
    return [lookup, read]


def recorded(*steps: s.Step) -> tuple[s.Node, ...]:
    recorder = s.Recorder()
    for step in steps:
        recorder.add(step)
    return recorder.nodes


def test_a_table_look_up_and_its_entry_share_a_row():
    (row,) = rows_of(StepTree(recorded(*walk_of(4, 402))))
    assert (row.first, row.last, row.words.label) == (0, 1, "L4 [402]")
    assert row.words.main.startswith("0010fc90  0000'0000'0000'0067  P RW US A")


def test_a_look_up_of_another_frame_keeps_its_row():
    first, second = rows_of(StepTree(recorded(*walk_of(4, 402, gfn=0x110))))
    assert first.words.label == "P2M"
    assert second.words.label == "L4 [402]"


def test_bits_set_by_one_walk_share_a_row():
    updates = [
        s.PteUpdate(cite=CITE, level=level, entry_at=Gpa(8), before=1, after=after)
        for level, after in ((1, 0x61), (2, 0x21), (3, 0x21))
    ]
    (row,) = rows_of(StepTree(recorded(*updates)))
    assert row.words.main == "A and D in L1, A in L2 L3"


def copies(count: int) -> tuple[s.Node, ...]:
    recorder = s.Recorder()
    for element in range(count):
        for way in (s.Direction.FROM, s.Direction.TO):
            copy = s.Copy(
                cite=CITE, direction=way, handle=0x1000 + 32 * element, size=32,
                role=f"element {element}", current=0, subject=0,
            )  # fmt: skip
            with recorder.under(copy):
                recorder.add(s.Move(cite=CITE, direction=way, gpa=Gpa(4096), mfn=None, size=32,
                                    meant=Gpa(4096)))  # fmt: skip
    return recorder.nodes


def test_repetitions_fold_into_one_line_that_names_them():
    rows = rows_of(StepTree(copies(120)))
    assert [row.words.label for row in rows] == ["copy in", "bytes", "copy out", "bytes", "..."]
    assert rows[-1].folded == 119
    assert rows[-1].words.main == "119 more rounds of these 2, steps 4 to 479"
    assert (rows[-1].first, rows[-1].last) == (4, 479)


def test_a_round_that_goes_wrong_is_not_folded_away():
    nodes = list(copies(40))
    at = 41
    move = nodes[at].step
    wrong = s.Move(cite=CITE, direction=move.direction, gpa=Gpa(4096), mfn=None, size=32,
                   meant=Gpa(8192))  # fmt: skip
    nodes[at] = s.Node(at, nodes[at].parent, nodes[at].depth, wrong)
    rows = rows_of(StepTree(tuple(nodes)))
    assert [row.first for row in rows if row.words.side == "WRONG"] == [at]
    assert " 41 !  bytes" in trace_text(path_of(tuple(nodes)))


def test_few_repetitions_stay():
    assert not [row for row in rows_of(StepTree(copies(2))) if row.folded]


def test_every_kind_of_step_has_words_of_its_own():
    kinds = {cls for cls in vars(s).values() if isinstance(cls, type) and issubclass(cls, s.Step)}
    assert set(KINDS) == kinds - {s.Step}


@given(step=any_step)
@settings(max_examples=100)
def test_words_are_short_where_they_stand_in_columns(step):
    words = step_label(step)
    assert words.label
    assert len(words.label) <= 10 or step.kind == "phase"


def test_unicode_draws_a_tree():
    lines = trace_text(placed(), unicode=True).splitlines()
    drawn = [line for line in lines if "\u251c\u2574" in line or "\u2514\u2574" in line]
    assert len(drawn) == len([line for line in lines if line[:2].strip().isdigit()]) - 1
    assert cites is not None

"""The tables that views replay from steps are the tables that there were."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from render_traces import path_of

from xenexplore import steps as s
from xenexplore.addr import Gpa, Gva
from xenexplore.render.text.run.registered import registered_text
from xenexplore.tlb import TlbEntry, TlbTables
from xenexplore.tlb.history import registered_at

PAGE = 0x1000
BASE = 0xFFFF_C900_0000_0000

entries = st.builds(
    lambda page, pages, is_global: TlbEntry(
        Gva(BASE + page * PAGE), Gpa(page * PAGE), pages * PAGE, is_global, None, f"p{page}"
    ),
    st.integers(0, 12),
    st.integers(1, 3),
    st.booleans(),
)
operations = st.lists(
    st.one_of(
        st.tuples(st.just("insert"), st.integers(0, 1), entries),
        st.tuples(st.just("purge"), st.integers(0, 1), entries),
        st.tuples(st.just("space"), st.integers(0, 1), entries),
        st.tuples(st.just("all"), st.integers(0, 1), entries),
        st.tuples(st.just("lookup"), st.integers(0, 1), entries),
        st.tuples(st.just("cross"), st.integers(0, 1), entries),
    ),
    max_size=30,
)


def carried_out(tables: TlbTables, operation: tuple[str, int, TlbEntry]) -> s.Step:
    word, vcpu, entry = operation
    if word == "insert":
        return tables.insert(vcpu, entry)
    if word == "purge":
        return tables.purge(vcpu, entry.va, entry.size)
    if word == "space":
        return tables.purge_space(vcpu)
    if word == "all":
        return tables.purge_all(vcpu)
    subject = 1 - vcpu if word == "cross" else vcpu
    return tables.lookup(entry.va, entry.size, asked=vcpu, subject=subject)


@given(
    scope=st.sampled_from(["vcpu", "domain"]),
    policy=st.sampled_from(["refuse", "lru", "fifo"]),
    todo=operations,
)
@settings(max_examples=60)
def test_replayed_tables_are_the_real_ones_after_every_step(scope, policy, todo):
    tables = TlbTables(2, scope=scope, capacity=4, policy=policy)
    recorder = s.Recorder()
    real = []
    for operation in todo:
        recorder.add(carried_out(tables, operation))
        real.append([tables.entries(vcpu) for vcpu in range(2)])
    nodes = recorder.nodes
    for index, expected in enumerate(real):
        state = registered_at(nodes, index)
        for vcpu in range(2):
            shown = state.table(vcpu).entries
            held = [(e.slot, e.va, e.pa, e.size, e.is_global, e.space, e.label) for e in shown]
            assert held == [
                (e.slot, e.va, e.pa, e.size, e.is_global, e.space, e.label) for e in expected[vcpu]
            ]
    state = registered_at(nodes)
    lookups = [node.step for node in nodes if isinstance(node.step, s.TlbLookup)]
    assert sum(table.lookups for table in state.tables) == len(lookups)
    assert sum(table.hits for table in state.tables) == sum(step.hit for step in lookups)
    assert sum(table.compares for table in state.tables) == sum(step.compares for step in lookups)
    removed = sum(
        len(step.removed if isinstance(step, s.TlbPurge) else step.replaced)
        for step in (node.step for node in nodes)
        if isinstance(step, s.TlbPurge | s.TlbInsert)
    )
    assert sum(len(table.gone) for table in state.tables) == removed


def cross() -> s.Recorder:
    tables, recorder = TlbTables(2), s.Recorder()
    here = TlbEntry(Gva(BASE), Gpa(0xA000), PAGE, False, None, "area-0")
    there = TlbEntry(Gva(BASE), Gpa(0xB000), PAGE, False, None, "area-1")
    recorder.add(tables.insert(0, here))
    recorder.add(tables.insert(1, there))
    recorder.add(tables.lookup(Gva(BASE + 0x40), 48, asked=0, subject=1))
    recorder.add(tables.purge(0, Gva(BASE), 1))
    recorder.add(tables.lookup(Gva(BASE + 0x40), 48, asked=1, subject=0))
    return recorder


def test_the_table_that_should_have_been_asked_is_shown():
    search = registered_at(cross().nodes, 2).search
    assert search.wrong_vcpu
    assert search.step.gpa == Gpa(0xA040)
    assert search.other.to_physical(search.step.va) == Gpa(0xB040)
    text = registered_text(path_of(cross().nodes), 2)
    assert "vCPU 1's own has [0] area-1 -> gpa 0000b040" in " ".join(text.split())


def test_what_is_gone_says_when_and_how():
    text = registered_text(path_of(cross().nodes))
    assert "gone: [0] area-0 ffffc900'00000000 +1000: purged at step 3" in text
    assert "vCPU 0's own has no entry for it" in " ".join(text.split())


def test_an_option_without_registered_buffers_says_so():
    recorder = s.Recorder()
    recorder.add(s.Note(cite=s.Cite("x"), text="Nothing."))
    assert "registers no buffers" in registered_text(path_of(recorder.nodes))


def test_before_the_first_registration_there_is_nothing():
    recorder = s.Recorder()
    recorder.add(s.Note(cite=s.Cite("x"), text="Nothing yet."))
    for node in cross().nodes:
        recorder.add(node.step)
    assert "nothing is registered yet" in registered_text(path_of(recorder.nodes), 0)


def test_an_alias_is_found_by_the_frame():
    entry = registered_at(cross().nodes, 0).table(0).entries[0]
    assert entry.alias_of(Gpa(0xA123)) == Gva(BASE + 0x123)
    assert entry.alias_of(Gpa(0xB000)) is None
    assert not entry.covers(Gva(BASE + PAGE))


def test_long_histories_are_shortened():
    tables, recorder = TlbTables(1, capacity=1, policy="fifo"), s.Recorder()
    for page in range(12):
        recorder.add(
            tables.insert(0, TlbEntry(Gva(BASE + page * PAGE), Gpa(0), 8, True, None, "x"))
        )
    recorder.add(tables.insert(0, TlbEntry(Gva(BASE), Gpa(0), 0, True, None, "empty")))
    for _ in range(9):
        recorder.add(tables.purge(0, Gva(BASE), 8))
    text = registered_text(path_of(recorder.nodes))
    assert "gone before: 5 more" in text
    assert "3 earlier purges not shown" in text
    assert "refused at step 12" in text
    assert "purge v0, ffffc900'00000000 +8: removes nothing" in text


def test_a_tag_is_shown_as_the_cr3_that_it_is():
    tables, recorder = TlbTables(1), s.Recorder()
    recorder.add(tables.insert(0, TlbEntry(Gva(BASE), Gpa(0), 8, False, 0x113000, "mine")))
    assert "mine (CR3 00113000)" in registered_text(path_of(recorder.nodes))


def test_a_shared_table_comes_before_those_of_the_vcpus():
    """A design of one's own may hold both."""
    recorder = s.Recorder()
    entry = TlbEntry(Gva(BASE), Gpa(0xA000), PAGE, False, None, "area")
    for tables, vcpu in ((TlbTables(2), 1), (TlbTables(2), 0), (TlbTables(2, scope="domain"), 0)):
        recorder.add(tables.insert(vcpu, entry))
    assert [table.vcpu for table in registered_at(recorder.nodes).tables] == [None, 0, 1]

from __future__ import annotations

from pathlib import Path

import pytest

from xenexplore.analysis.measures.cost import GUESSED, CostUnit, break_even, read_costs
from xenexplore.errors import InputError
from xenexplore.hypervisor.outcome import Counts
from xenexplore.recording.recorder.lookup import lookup_source_hash


def _table(folder: Path, text: str) -> Path:
    path = folder / "cost.toml"
    path.write_text(text)
    return path


def test_guessed_nanoseconds_are_all_guesses_and_say_so() -> None:
    table = read_costs(GUESSED)
    assert table.guesses == len(table.costs)
    assert all(cost.note for cost in table.costs.values())
    assert table.unit is CostUnit.NS


def test_the_look_ups_counts_are_of_the_source_that_is_shipped() -> None:
    """Whoever changes lookup.c counts again (xenexplore record --lookup), and says so here."""
    assert lookup_source_hash() == (
        "sha256:a91272f5d096d280c5fe38fcdaf20b9a89202f17cf5720cc0081488735f914ae"
    )
    table = read_costs()
    assert (table.of("tlb_lookups"), table.of("tlb_compares")) == (15, 10)


def test_a_walk_by_the_table_is_the_walk_that_was_counted() -> None:
    table = read_costs()
    four, two = (break_even(table, leaf, 0) for leaf in (0, 9))
    assert (four.walk, two.walk) == (3605 + 41, 2881 + 41)
    assert (four.compares, two.compares) == (363, 290)


def test_what_is_not_measured_makes_a_price_a_lower_bound(tmp_path: Path) -> None:
    table = read_costs()
    assert not table.least(Counts(copies=1, walks=1, guest_bytes_copied=9))
    assert table.least(Counts(list_reads=1))
    two = '[exits]\nns = 1\nguess = true\n[walks]\ninstructions = 2\nsource = "me"\n'
    with pytest.raises(InputError, match=r"\[walks\] instructions: expected ns, as in \[exits\]"):
        read_costs(_table(tmp_path, two))


def test_counts_times_numbers(tmp_path: Path) -> None:
    table = read_costs(
        _table(tmp_path, '[exits]\nns = 100\nsource = "me"\n[pte_reads]\nns = 2.5\nguess = true\n')
    )
    assert table.price(Counts(exits=2, pte_reads=4, walks=9)) == 210.0
    assert (table.guesses, table.origin) == (1, str(tmp_path / "cost.toml"))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[exit]\nns = 1\nguess = true\n", r"\[exit\]: expected one of exits"),
        ("[exits]\nns = 1\n", "either source"),
        ('[exits]\nns = 1\nguess = true\nsource = "x"\n', "either source"),
        ("[exits]\nns = -1\nguess = true\n", "nanoseconds, 0 or more"),
        ("[exits]\nns = true\nguess = true\n", "nanoseconds, 0 or more"),
        ("[exits]\nguess = true\n", "nanoseconds, 0 or more"),
        ("exits = 4\n", r"a table \[exits\]"),
        ("[exits\n", "a TOML table of costs"),
    ],
)
def test_a_number_without_a_source_is_refused(tmp_path: Path, text: str, what: str) -> None:
    with pytest.raises(InputError, match=what):
        read_costs(_table(tmp_path, text))


def test_break_even_is_the_walks_cost_over_a_compares(tmp_path: Path) -> None:
    text = "".join(
        f"[{name}]\nns = {ns}\nguess = true\n"
        for name, ns in (("pte_reads", 1), ("p2m_entry_reads", 1), ("tlb_compares", 2))
    )
    found = break_even(read_costs(_table(tmp_path, text)), 0, 0)
    # 4 guest entries, and 5 lookups of 4 P2M entries each: the sixth is made either way.
    assert (found.reads, found.lookups, found.walk, found.compares) == (24, 5, 24.0, 12)
    assert break_even(read_costs(_table(tmp_path, text)), 18, 18).reads == 2 + 3 * 2
    free = break_even(read_costs(_table(tmp_path, "")), 0, 0)
    assert (free.walk, free.compares) == (0.0, 0)

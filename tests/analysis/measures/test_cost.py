from __future__ import annotations

from pathlib import Path

import pytest

from xenexplore.analysis.measures.cost import break_even, read_costs
from xenexplore.errors import InputError
from xenexplore.hypervisor.outcome import Counts


def _table(folder: Path, text: str) -> Path:
    path = folder / "cost.toml"
    path.write_text(text)
    return path


def test_the_built_in_table_is_all_guesses_and_says_so() -> None:
    table = read_costs()
    assert table.guesses == len(table.costs)
    assert all(cost.note for cost in table.costs.values())


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
    # 4 guest entries, and 5 look-ups of 4 P2M entries each: the sixth is made either way.
    assert (found.reads, found.lookups, found.walk_ns, found.compares) == (24, 5, 24.0, 12)
    assert break_even(read_costs(_table(tmp_path, text)), 18, 18).reads == 2 + 3 * 2
    free = break_even(read_costs(_table(tmp_path, "")), 0, 0)
    assert (free.walk_ns, free.compares) == (0.0, 0)

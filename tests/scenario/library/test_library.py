"""The built-in scenarios: each holds, fits in a mail, says who asked, and tells options apart."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from xenexplore.hypercalls.catalogue.entries import families
from xenexplore.hypervisor.outcome import Counts
from xenexplore.render.text.matrix import matrix_text
from xenexplore.scenario.library.builtin import builtin_names, builtin_text, load_builtin
from xenexplore.scenario.model.action_records import CallAction
from xenexplore.scenario.model.call_names import find_call
from xenexplore.scenario.model.scenario import Expectation, Scenario
from xenexplore.scenario.run import matrix as matrix_module
from xenexplore.scenario.run.comparison import Comparison, ComparisonRow
from xenexplore.scenario.run.expectations import unmet
from xenexplore.scenario.run.runner import compare
from xenexplore.scenario.text.loader import parse_scenario
from xenexplore.scenario.text.writer import write_scenario

WIDTH = 72
QUESTIONS = tuple(n for n in range(1, 31) if n not in (14, 19, 29))
"""Those of the thread's questions that the library must answer: three keep reasons."""


@cache
def ran(name: str) -> Comparison:
    return compare(load_builtin(name))


@pytest.mark.parametrize("name", builtin_names())
def test_every_expectation_holds(name: str) -> None:
    assert [row.failed for row in ran(name).rows] == [()] * len(ran(name).rows)


@pytest.mark.parametrize("name", builtin_names())
def test_it_fits_in_a_mail_and_says_whose_it_is(name: str) -> None:
    about = load_builtin(name).about
    for text in (about.title, about.asked, about.ours, about.text):
        assert text
        assert all(len(line) <= WIDTH for line in text.splitlines())
        assert text.isascii()
    assert len(f'title = "{about.title}"') <= WIDTH + 10
    assert about.name == name
    # A mail by its Message-ID, or the statement that it was not raised.
    assert "@" in about.asked or about.asked.startswith("Not raised")


@pytest.mark.parametrize("name", builtin_names())
def test_the_canonical_text_is_the_same_scenario(name: str) -> None:
    scenario = load_builtin(name)
    assert parse_scenario(write_scenario(scenario)) == scenario
    assert builtin_text(name).endswith("\n")


@pytest.mark.parametrize("name", builtin_names())
def test_every_option_has_a_verdict(name: str) -> None:
    scenario = load_builtin(name)
    for option in scenario.options:
        about = [e for e in scenario.expects if not e.options or option.label in e.options]
        assert any(e.status is not None for e in about), option.label


@pytest.mark.parametrize("name", builtin_names())
def test_options_are_told_apart(name: str) -> None:
    """What is expected of one option must not hold of every other."""
    scenario = load_builtin(name)
    for row in ran(name).rows:
        label = row.trace.option.label
        own = [e for e in scenario.expects if not e.options or label in e.options]
        same = [
            other.trace.option.label
            for other in ran(name).rows
            if not any(_unmet(scenario, e, other) for e in own)
        ]
        assert len(same) < len(ran(name).rows), label


def _unmet(scenario: Scenario, expect: Expectation, row: ComparisonRow) -> bool:
    """Whether an expectation fails of a run, whatever options it was written for."""
    anyone = replace(expect, options=())
    return any(unmet(replace(scenario, expects=(anyone,)), row.trace))


def test_the_library_answers_what_it_must() -> None:
    asked = {q for name in builtin_names() for q in load_builtin(name).about.question}
    assert {f"Q{number}" for number in QUESTIONS} <= asked


def test_every_specified_option_and_its_variants_are_shown() -> None:
    shown = {option.use for name in builtin_names() for option in load_builtin(name).options}
    assert shown == {
        "linear-walk", "domain-mode", "number-bit", "address-bits", "sg-policy", "software-tlb",
        "gfn-lists", "bounce", "giant-map", "fastabi", "phys-twins", "hap-cache",
    }  # fmt: skip


def test_the_matrix_shows_what_came_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matrix_module, "compare", lambda scenario: ran(scenario.about.name))
    rows = {row.name: row for row in matrix_module.matrix()}
    statuses = {
        (cell.option, one.label): one.status for cell in rows["Q1"].cells for one in cell.shown
    }
    assert statuses["linear-walk", "linear-walk"] == "wrong"
    assert statuses["software-tlb", "tlb, subject"] == "right"
    (line,) = [x for x in matrix_text(tuple(rows.values())).splitlines() if x[:4] == "Q1  "][:1]
    assert line.split()[1:] == ["W", *["."] * 6, "rW", *["."] * 4, "r"]  # O0 to O12


def test_calls_are_ones_that_a_guest_may_make() -> None:
    known = {family.name for family in families()}
    for name in builtin_names():
        for action in load_builtin(name).actions:
            if isinstance(action, CallAction):
                family, op = find_call(action.hypercall)
                assert family.name in known
                assert "hvm" in family.guests
                assert op is None or "hvm" in op.guests


# Numbers that the thread's digest derives, each found again by a run.


def counts(name: str, option: str) -> Counts:
    (row,) = [row for row in ran(name).rows if row.trace.option.label == option]
    return row.trace.outcome.calls


@pytest.mark.parametrize(
    ("name", "copies", "reads"),
    [
        ("evtchn-send-from-stack", 1, 28),  # 4 KiB over 4 KiB
        ("giant-directmap", 65, 10),  # 1 GiB over 1 GiB
    ],
)
def test_entry_reads_of_a_walk(name: str, copies: int, reads: int) -> None:
    """Section 6.1: 28 entry reads at worst, 10 with superpages throughout."""
    found = counts(name, "linear-walk")
    assert found.pte_reads + found.p2m_entry_reads == copies * reads


def test_one_page_of_grants_is_walked_256_times() -> None:
    """Section 6.2: 256 walks, 1536 P2M lookups, where a cached translation needs one."""
    today = counts("grant-map-batch", "linear-walk")
    assert (today.walks, today.p2m_lookups) == (256, 1536)
    hits = counts("grant-map-batch", "software-tlb")
    assert (hits.walks, hits.tlb_hits) == (0, 256)


def test_four_of_512_copies_straddle() -> None:
    """Section 6.7: of 512 elements of 40 bytes from a page's start, 4 straddle."""
    today = counts("straddle-arrays", "linear-walk")
    assert (today.copies, today.walks - today.copies) == (1024, 4)
    assert counts("grant-map-batch", "linear-walk").walks == 256  # 32 bytes never do


def test_a_list_page_has_512_words() -> None:
    """Section 6.9: 512 pages without an offset slot, 511 with it, 256 tuples."""
    assert counts("large-buffer", "sg, aligned").guest_bytes_written == 4096 + 8
    assert counts("large-buffer", "sg, offset").guest_bytes_written == 8 * (513 + 2) + 8
    assert counts("large-buffer", "bits, tuples").guest_bytes_written == 8 * (1024 + 2) + 8

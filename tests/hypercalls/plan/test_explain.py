"""Explaining recorded accesses: what is allowed, and above all what is not."""

from __future__ import annotations

import pytest

from xenexplore.hypercalls import PlanCall, explain

ARG, LIST = 0xFFFF_C900_0012_3400, 0xFFFF_8880_0100_0000
POPULATE = PlanCall(12, (6, ARG), "hvm")
SEND = PlanCall(32, (4, ARG), "hvm")


def populate(*frames: int) -> list[tuple[str, int, int]]:
    return [("from", ARG, 32), *(("from", LIST + 8 * i, 8) for i in frames)]


def test_exact() -> None:
    found = explain(SEND, [("from", ARG, 4)])
    assert (found.verdict, found.name) == ("exact", "event_channel_op.send")
    assert found.choices == ()
    assert [piece.role for piece in found.pieces] == ["the request"]


def test_free_and_by_which_variables() -> None:
    found = explain(POPULATE, populate(0, 1, 2))
    assert found.verdict == "free"
    assert "r.extent_start" in found.free
    assert len(found.pieces) == 4


@pytest.mark.parametrize(
    "copies",
    [
        [],
        [("from", ARG + 8, 4)],
        [("from", ARG, 8)],
        [("to", ARG, 4)],
        [("from", ARG, 4), ("from", ARG, 4)],
        [("from", ARG, 2), ("from", ARG + 2, 2)],
        [("from", ARG, 4), ("to", ARG, 4)],
    ],
)
def test_what_no_plan_of_send_allows(copies: list[tuple[str, int, int]]) -> None:
    found = explain(SEND, copies)
    assert found.verdict == "unexplained"
    assert found.expected


def test_elements_must_follow_each_other() -> None:
    assert explain(POPULATE, populate(0, 1, 2, 3)).verdict == "free"
    assert explain(POPULATE, populate(0, 2)).verdict == "unexplained"
    assert explain(POPULATE, populate(0, 0)).verdict == "unexplained"
    assert explain(POPULATE, populate(1, 0)).verdict == "unexplained"


def test_neighbours_are_not_merged() -> None:
    merged = [("from", ARG, 32), ("from", LIST, 16)]
    found = explain(POPULATE, merged)
    assert found.verdict == "unexplained"
    assert found.matched == 1
    assert "r.extent_start" in found.expected


def test_a_continuation_must_be_followed_by_its_next_leg() -> None:
    start = 1 << 6 | 6
    # A multicall entry that stops in the middle is written back whole.
    entry = [("from", ARG, 64), ("from", LIST, 32), ("from", LIST + 64, 8), ("to", ARG + 8, 8)]
    whole = [*entry, ("to", ARG, 64)]
    call = PlanCall(13, (ARG, 1), "hvm")
    assert explain(call, whole).verdict == "unexplained"
    assert explain(call, whole, following=PlanCall(13, (ARG, 2), "hvm")).verdict == "unexplained"
    found = explain(call, whole, following=PlanCall(13, (ARG, 1), "hvm"))
    assert found.verdict == "free"
    assert any(choice.startswith("continue: ") for choice in found.choices)
    assert explain(PlanCall(12, (start, ARG), "hvm"), populate(1)).verdict == "free"


def test_writes_that_a_recorder_cannot_see() -> None:
    # GNTTABOP_get_version writes 4 bytes back: a single move for a PV guest.
    copies = [("from", ARG, 8), ("to", ARG + 4, 4)]
    assert explain(PlanCall(20, (10, ARG, 1), "hvm"), copies).verdict == "exact"
    assert explain(PlanCall(20, (10, ARG, 1), "pv"), copies).verdict == "unexplained"
    assert explain(PlanCall(20, (10, ARG, 1), "pv"), copies[:1]).verdict == "exact"


def test_unknown_numbers_are_named_as_such() -> None:
    assert explain(PlanCall(99, (1,), "hvm"), []).name == "99?"
    assert explain(PlanCall(99, (1,), "hvm"), [("from", ARG, 4)]).verdict == "unknown"
    found = explain(PlanCall(32, (77, ARG), "hvm"), [])
    assert (found.verdict, found.name) == ("exact", "event_channel_op.77?")
    assert explain(PlanCall(32, (77, ARG), "hvm"), [("from", ARG, 4)]).verdict == "unknown"


def test_an_error_is_believed_only_where_nothing_else_fits() -> None:
    alloc = PlanCall(32, (6, ARG), "hvm")
    assert explain(alloc, [("from", ARG, 8), ("to", ARG, 8)]).choices == ()
    failed = explain(alloc, [("from", ARG, 8)])
    assert failed.verdict == "exact"
    assert failed.choices[0].startswith("fail: ")


def test_console_pieces_obey_the_newline_rule() -> None:
    write = PlanCall(18, (0, 20, ARG), "hvm")
    # After a newline at the 5th byte the next copy starts right behind it.
    assert explain(write, [("from", ARG, 20), ("from", ARG + 5, 15)]).verdict == "free"
    assert explain(write, [("from", ARG, 20), ("from", ARG + 5, 14)]).verdict == "unexplained"
    assert explain(write, [("from", ARG, 20), ("from", ARG, 20)]).verdict == "unexplained"


def test_the_search_gives_up_and_says_so() -> None:
    entries = [("from", ARG + 64 * i, 64) for i in range(9)]
    copies = [c for e in entries for c in (e, ("from", LIST, 24))] + [("to", LIST, 3)]
    found = explain(PlanCall(13, (ARG, 9), "pv"), copies, attempts=20)
    assert found.verdict == "unexplained"
    assert "20 attempts" in found.expected

"""The second review's record: what the handlers may answer with, as read, and as the plans say."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from xenexplore.hypercalls import find
from xenexplore.hypercalls.outline.outline import outline

TABLE = tomllib.loads((Path(__file__).parent / "review.toml").read_text(encoding="utf-8"))


def test_the_rate() -> None:
    assert Counter(one["verdict"] for one in TABLE["read"]) == {
        "right": 23, "errno": 33, "caller": 1, "copy": 1,
    }  # fmt: skip
    assert Counter(one["verdict"] for one in TABLE["named"]) == {
        "right": 3, "errno": 4, "caller": 1,
    }  # fmt: skip
    assert all(find(one["op"]) for one in TABLE["named"])
    assert len({one["number"] for one in TABLE["read"]}) == len(TABLE["read"]) == 58


@pytest.mark.parametrize("one", TABLE["read"], ids=lambda one: one["op"].replace(" ", "."))
def test_a_plan_names_the_errnos_of_its_handler(one: dict[str, Any]) -> None:
    entry = find(one["op"], xen=one.get("xen", "4.17"))
    guest = one.get("guest", "hvm")
    told = " ".join(line.text for line in outline(entry, guest))
    family = one["op"].partition(" ")[0]
    expected = {*one["errnos"], *TABLE["family"].get(family, ())}
    if family == "grant_table_op" and guest == "pv":
        expected.discard("ENOSYS")  # hvm_grant_table_op()'s
    assert set(re.findall(r"-(E[A-Z0-9]+)", told)) - {"EFAULT"} == expected

from __future__ import annotations

import pytest
from render_traces import spec

from xenexplore.guest.domain import Domain
from xenexplore.hypervisor.xen import Xen
from xenexplore.options.registry import OPTIONS
from xenexplore.render.text.options import option_text, options_text
from xenexplore.render.views.option_refusals import refusals_of


def flat(text: str) -> str:
    return " ".join(text.split())


def fits(text: str) -> None:
    assert text.isascii()
    assert all(len(line) <= 72 and line == line.rstrip() for line in text.splitlines())


def test_every_option_is_listed_with_who_asked():
    text = options_text()
    fits(text)
    for option in OPTIONS.values():
        assert f"{option.ident:4}{option.name}" in text
        assert option.title in flat(text)
        assert option.asked.where in text


@pytest.mark.parametrize("option", OPTIONS.values(), ids=lambda option: option.name)
def test_a_page_holds_everything_the_option_says_of_itself(option):
    text = option_text(option)
    fits(text)
    for part in (option.title, option.summary, str(option.asked)):
        assert part in flat(text)
    for parameter in option.parameters:
        assert f"  {parameter.name} = " in text
        assert f"{parameter.help} [{parameter.source}]" in flat(text)
        assert all(str(choice) in text for choice in parameter.choices)
    for one in option.precedents:
        assert f"{one.what} [{one.cite}]" in flat(text)
    assert ("not specified" in text.splitlines()[0]) is not option.specified


@pytest.mark.parametrize("option", OPTIONS.values(), ids=lambda option: option.name)
def test_the_refusals_are_the_options_own(option):
    refusals = dict(refusals_of(option))
    xen = Xen(Domain(spec(type="pv")), option())
    reason = option().refuses(xen)
    assert refusals.get("PV guest", refusals.get("every guest", "")) == reason
    for text in refusals.values():
        assert text in flat(option_text(option))


def test_today_refuses_nobody():
    assert refusals_of(OPTIONS["linear-walk"]) == ()
    assert "refuses" not in option_text(OPTIONS["linear-walk"])
    assert [guest for guest, _ in refusals_of(OPTIONS["giant-map"])] == [
        "PV guest",
        "encrypted guest",
        "kernel with no directmap",
    ]

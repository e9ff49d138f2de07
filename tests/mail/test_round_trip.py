"""A scenario that went through mail programs comes back equal, or is refused with the place."""

from __future__ import annotations

import re
from dataclasses import replace

import mail_programs as programs
import mailers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenario_strategies import scenarios

from xenexplore.errors import ScenarioError
from xenexplore.mail.source import _source_in
from xenexplore.scenario.library.builtin import builtin_names, builtin_text
from xenexplore.scenario.model.scenario import Scenario
from xenexplore.scenario.text.loader import parse_scenario
from xenexplore.scenario.text.writer import write_scenario

BUILT_IN = builtin_names()


def read(mail: str) -> Scenario:
    return _source_in(mail.encode("utf-8", "surrogatepass"), "mail", None).scenario()


def framed(text: str) -> str:
    return f"Hello,\n\n{text}\nRegards, Jan\n-- \nJan\n{mailers.FOOTER}"


def answered(text: str, marks: str = "> ", *, blank: bool = True) -> str:
    quote = mailers.quoted(text, marks, blank=blank)
    return f"{mailers.ATTRIBUTION}\n{quote}\nSee above.\n\nJan\n"


def outlook(text: str) -> str:
    head = "-----Original Message-----\nFrom: Jan Beulich\nSent: 28 September 2022 10:05\n"
    return f"See below.\n\n{head}Subject: RE: buffers\n\n{text}"


def whole(text: str, **how: str) -> str:
    return mailers.message(text, **how)


FLOWED = "text/plain; charset=utf-8; format=flowed"
UNCHANGED = {
    "as it is": lambda text: text,
    "in a mail": framed,
    "quoted": answered,
    "quoted twice": lambda text: answered(text, "> > "),
    "quoted by two programs": lambda text: answered(text, ">> "),
    "quoted without spaces": lambda text: answered(text, ">"),
    "quoted with bars": lambda text: answered(text, "| "),
    "quoted five times": lambda text: answered(text, "> > > > > "),
    "blank lines not quoted": lambda text: answered(text, blank=False),
    "below an answer": outlook,
    "message": lambda text: whole(framed(text)),
    "line ends of the net": lambda text: whole(answered(text)).replace("\n", "\r\n"),
    "quoted-printable": lambda text: whole(
        mailers.as_quoted_printable(answered(text)), encoding="quoted-printable"
    ),
    "base64": lambda text: whole(mailers.as_base64(framed(text)), encoding="BASE64"),
    "flowed": lambda text: whole(mailers.flowed(framed(text)), kind=FLOWED),
    "flowed, DelSp": lambda text: whole(
        mailers.flowed(framed(text), delsp=True), kind=f"{FLOWED}; DelSp=yes"
    ),
    "flowed, quoted": lambda text: whole(
        f"Jan wrote:\n{mailers.flowed(text, depth=2)}\nSee above.\n", kind=FLOWED
    ),
    "mbox": lambda text: f"From jan@example.org  Wed Sep 28 10:05:11 2022\n{whole(answered(text))}",
}
"""Nothing is lost: what comes back is equal."""
WRAPPED = {
    "Gmail: the rest is not quoted": lambda text, width: mailers.wrapped(answered(text), width),
    "the rest is not quoted, the space kept": lambda text, width: mailers.wrapped(
        answered(text), width, keep=True
    ),
    "two levels, the rest quoted once": lambda text, width: mailers.wrapped(
        answered(text, "> > "), width, marks="> "
    ),
}
REQUOTED = {
    "an own text": lambda text, width: mailers.wrapped(framed(text), width),
    "twice": lambda text, width: mailers.wrapped(
        answered(mailers.wrapped(text, width), "> "), width
    ),
    "quoted again": lambda text, width: mailers.wrapped(answered(text), width, marks="> "),
    "before it was quoted": lambda text, width: answered(mailers.wrapped(text, width)),
}
"""Prose has line ends where there were none, and nothing shows it."""


def plain(scenario: Scenario) -> Scenario:
    """With the line ends in prose as spaces."""
    about = scenario.about
    words = {key: " ".join(getattr(about, key).split()) for key in ("asked", "ours", "text")}
    return replace(scenario, about=replace(about, **words))


def equal_or_refused(mail: str, scenario: Scenario, seen=lambda scenario: scenario) -> bool:
    try:
        found = read(mail)
    except ScenarioError as error:
        place = re.match(r"line (\d+)", error.place)
    else:
        place = None
        assert seen(found) == seen(scenario)
        return True
    assert place, "what is refused names its line"
    assert int(place[1]) <= mail.count("\n") + 1
    return False


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_ins_come_back(name: str) -> None:
    scenario = parse_scenario(builtin_text(name))
    for how, mangled in UNCHANGED.items():
        assert read(mangled(builtin_text(name))) == scenario, how
    mail = whole(mailers.as_html(builtin_text(name)), kind="text/html; charset=utf-8")
    assert equal_or_refused(mail, scenario, plain)
    for mangled in WRAPPED.values():
        equal_or_refused(mangled(builtin_text(name), 66), scenario)
    for mangled in REQUOTED.values():
        equal_or_refused(mangled(builtin_text(name), 66), scenario, plain)


@pytest.mark.parametrize("program", [*programs.EXACT, *programs.WRAPPING])
def test_what_mail_programs_send_comes_back(program: str) -> None:
    exact, back = programs.EXACT.get(program), 0
    for name in BUILT_IN[::6]:
        text, scenario = builtin_text(name), parse_scenario(builtin_text(name))
        if exact:
            assert read(exact(text)) == scenario, name
        else:
            back += equal_or_refused(programs.WRAPPING[program](text), scenario, plain)
    assert exact or back, "none of them came back"


def test_what_is_wrapped_comes_back_where_it_can() -> None:
    """As programs wrap when they send: our texts of 72 columns, quoted twice, have room."""
    for mangled in (*WRAPPED.values(), *REQUOTED.values()):
        for name in BUILT_IN[::4]:
            scenario = parse_scenario(builtin_text(name))
            assert equal_or_refused(mangled(builtin_text(name), 78), scenario, plain)


@settings(max_examples=40, deadline=None)
@given(scenarios(), st.sampled_from([*UNCHANGED.values()]))
def test_generated_scenarios_come_back(scenario: Scenario, mangled) -> None:
    equal_or_refused(mangled(write_scenario(scenario)), scenario, plain)


@settings(max_examples=40, deadline=None)
@given(
    scenarios(),
    st.sampled_from([*WRAPPED.values(), *REQUOTED.values()]),
    st.integers(60, 80),
)
def test_generated_scenarios_survive_wrapping(scenario: Scenario, mangled, width: int) -> None:
    equal_or_refused(mangled(write_scenario(scenario), width), scenario, plain)

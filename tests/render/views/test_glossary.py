"""The glossary has every kind of step, counter, verdict and flag, and says where its facts are."""

from __future__ import annotations

from dataclasses import fields

import pytest
from trace_schema import step_classes

from xenexplore.hypervisor.outcome import Counts
from xenexplore.paging import Mode
from xenexplore.paging.entries import entry_flags
from xenexplore.render.text.legend import comparison_legend, trace_legend
from xenexplore.render.views.citation_links import link_of
from xenexplore.render.views.glossary import GLOSSARY, flag_terms, terms_of
from xenexplore.scenario.library.builtin import load_builtin
from xenexplore.scenario.run.runner import compare, run
from xenexplore.steps import Cite, Status, mail, xen


def test_nothing_is_unexplained() -> None:
    wanted = {f"step:{step.kind}" for step in step_classes()}
    wanted |= {f"count:{field.name}" for field in fields(Counts)}
    wanted |= {f"status:{status}" for status in Status}
    assert wanted <= set(GLOSSARY)


def test_every_flag_that_an_entry_can_have_is_explained() -> None:
    for level in (1, 2, 4):
        for value in ((1 << 64) - 1, (1 << 64) - 1 & ~(1 << 7), 1):
            flags = entry_flags(value, level, Mode.LEVEL4, 51)
            assert len(flag_terms(flags)) == len(flags.split()), flags


def test_a_term_says_something_new() -> None:
    assert len({term.text for term in GLOSSARY.values()}) == len(GLOSSARY)
    for key, term in GLOSSARY.items():
        assert key == term.key
        assert term.text.endswith(".")
        assert term.name


def test_terms_come_once_and_in_order() -> None:
    keys = ["count:walks", "step:copy", "count:walks"]
    assert [term.key for term in terms_of(keys)] == ["step:copy", "count:walks"]
    with pytest.raises(KeyError):
        terms_of(["step:nothing"])


def test_links_lead_to_the_archive_and_to_the_release() -> None:
    assert link_of(mail("A", "1 Sep 2022", "x/y@z")).endswith("/xen-devel/x%2Fy@z/")
    found = link_of(xen("xen/common/domain.c", "map_guest_area", "4.18"))
    assert "f=xen/common/domain.c;" in found
    assert found.endswith("RELEASE-4.18.0")
    for cite in (Cite("Linux", "kernel/fork.c"), Cite("the scenario"), Cite("xen/a.c", "f")):
        assert link_of(cite) == ""


def test_legends_fit_the_page_and_name_what_is_there() -> None:
    comparison = compare(load_builtin("evtchn-send-from-stack"))
    trace = run(load_builtin("evtchn-send-from-stack"), "giant-map")
    texts = trace_legend(trace), comparison_legend(comparison)
    assert max(len(line) for text in texts for line in text.splitlines()) <= 72
    assert "TLB compares" in texts[0]
    assert "encryption flips" not in texts[0]
    assert "TLB comps" in texts[1]
    assert trace.text(legend=True) == f"{trace.text()}\n{texts[0]}"
    assert comparison.text(legend=True) == f"{comparison.text()}\n{texts[1]}"

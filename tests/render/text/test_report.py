from __future__ import annotations

import base64
import functools
import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from golden_files import check_golden
from workloads import Made, workload_of

from xenexplore.analysis.findings import Findings, find
from xenexplore.analysis.findings_json import findings_json
from xenexplore.analysis.measures.cost import GUESSED, Cost, CostTable, read_costs
from xenexplore.analysis.replay.design import design
from xenexplore.analysis.replay.engine import replay
from xenexplore.analysis.workload.synthetic import Assumptions, synthetic
from xenexplore.analysis.workload.tables import Workload, read_workload
from xenexplore.guest.layout.symbols import read_kallsyms
from xenexplore.recording.format.stream import built_in_path
from xenexplore.render.plots.figures import figure_svg, figures_of
from xenexplore.render.plots.report_page import report_html
from xenexplore.render.text.recorded.replay import replay_text
from xenexplore.render.text.recorded.report import report_text
from xenexplore.render.text.table import percent


@functools.cache
def workload(name: str) -> Workload:
    return read_workload(name, read_kallsyms(built_in_path("kallsyms.dom0")))


@functools.cache
def findings(name: str) -> Findings:
    if name == "synthetic":
        return find(synthetic(Assumptions(calls=2000, vcpus=4, tasks=50)), read_costs())
    return find(workload(name), read_costs())


def test_the_report_of_pvh() -> None:
    """The page that answers the thread; test_recorded holds its figures to other code."""
    check_golden("report-pvh.txt", report_text(findings("pvh")))


def test_a_pv_domain_has_no_other_option() -> None:
    layout = workload("pvh").spaces[0].layout
    made = [Made(32, 4, [("from", 0xFFFF_C900_0000_1000 + 16 * n, 4)]) for n in range(3)]
    text = " ".join(report_text(find(workload_of(layout, made, "pv"), read_costs())).split())
    assert "dom0 (PV): 3 hypercalls" in text
    assert "dom0 is PV: Xen dereferences the address" in text
    assert "insns:" not in text


def test_a_domain_without_paging_is_refused_designs() -> None:
    """Its firmware's 32-bit calls; dom0, which pages, keeps both tables."""
    chosen = [design("linear-walk"), design("domain-mode")]
    found = find(read_workload("hvm"), read_costs(), designs=chosen)
    dom0, domu = found.domains
    assert (dom0.unpaged, len(dom0.replays)) == (False, 2)
    assert (domu.unpaged, len(domu.replays)) == (True, 0)
    assert [one["designs"] == [] for one in findings_json(found)["domains"]] == [False, True]
    said = report_text(found)
    cost, _, saved = said.partition("COST OF EACH DESIGN")[2].partition("SAVED BY EACH DESIGN")
    assert "dom1 made its hypercalls without paging: Xen walked nothing" in " ".join(cost.split())
    assert [cost.splitlines()[1].split(), saved.splitlines()[1].split()] == [["dom0"], ["dom0"]]
    alone = report_text(replace(found, domains=(domu,)))
    assert "without paging" in alone
    assert "SAVED BY" not in alone
    drawn = figure_svg(found, figure="reads")
    assert [name in drawn for name in (">dom0<", ">dom1<")] == [True, False]


def test_two_designs_replayed() -> None:
    load = workload("pvh")
    chosen = [replay(load, design(text), 1) for text in ("linear-walk", "software-tlb", "fastabi")]
    check_golden("replay-pvh-dom1.txt", replay_text(load, chosen))


def test_a_synthetic_workload_says_so_on_every_view() -> None:
    text = report_text(findings("synthetic"))
    assert text.startswith("SYNTHETIC workload")
    assert "SYNTHETIC, not recorded" in text
    assert "task_skew=1.0" in " ".join(text.split())
    assert all(len(line) <= 72 for line in text.splitlines())
    for figure in figures_of(findings("synthetic")):
        assert figure.caption.startswith("SYNTHETIC workload")


def test_the_page_fits_a_mail() -> None:
    lines = report_text(findings("pvh")).splitlines()
    assert len(lines) <= 108
    assert max(map(len, lines)) <= 72
    assert all(ord(char) < 128 for line in lines for char in line)


def test_guesses_are_counted_and_sources_are_not() -> None:
    text = " ".join(report_text(findings("pvh")).split())
    assert "GUESS" not in text
    assert "insns: counts times Xen 4.17, measured: a copy 636" in text
    told = " ".join(report_text(find(workload("pvh"), read_costs(GUESSED))).split())
    assert "13 of its 13 numbers are GUESSES" in told
    known = CostTable("mine.toml", {"exits": Cost(500.0, "measured", "")})
    sure = " ".join(report_text(find(workload("pvh"), known)).split())
    assert "GUESS" not in sure
    assert "ns: counts times mine.toml." in sure


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "0%"), (1.0, "100%"), (0.00001, "<0.1%"), (0.99999, ">99.9%"), (0.5, "50.0%")],
)
def test_shares_are_never_rounded_to_all_or_nothing(share: float, text: str) -> None:
    assert percent(share) == text


def test_figures_are_the_same_bytes_and_carry_their_limits() -> None:
    first, second = figures_of(findings("pvh")), figures_of(findings("pvh"))
    assert [figure.svg() for figure in first] == [figure.svg() for figure in second]
    assert {figure.name for figure in first} == {
        "break-even", "entries", "fastabi", "misses", "ranges", "reads", "regions", "repeats",
        "sizes",
    }  # fmt: skip
    for figure in first:
        ET.fromstring(figure.svg())
        assert "one boot of one kernel" in figure.svg()


def test_a_figure_in_a_notebook_has_its_numbers_as_text() -> None:
    shown = {figure.name: figure._repr_mimebundle_() for figure in figures_of(findings("pvh"))}
    for bundle in shown.values():
        text = bundle["text/plain"]
        assert max(map(len, text.splitlines())) <= 72
        assert "one boot of one kernel" in text
        image = re.search(r'base64,([^"]+)"', bundle["text/html"])
        assert image is not None
        assert base64.b64decode(image[1]).startswith(b"<svg ")
    for line in ("dom0  dom1", "+ kernel image    1.7  23.0", "+ task stacks    99.3   100"):
        assert line in shown["ranges"]["text/plain"]
    reads = shown["reads"]["text/plain"].splitlines()
    assert [line.split() for line in reads if "walk" in line] == [["linear-walk", "61.9", "26.1"]]
    assert "reads saved by a hit: 4 KiB over 4 KiB 24, 2 MiB" in shown["break-even"]["text/plain"]
    assert "% of pieces" not in shown["misses"]["text/plain"]  # curves, no bars


def test_the_html_page_is_whole_and_alone() -> None:
    page = report_html(findings("pvh"), figures_of(findings("pvh")))
    assert page.count("<figure>") == page.count("</svg>") == 9
    for line in report_text(findings("pvh")).splitlines()[:3]:
        assert line in page
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    used = set(re.findall(r'href="#([^"]+)"', page)) | set(re.findall(r"url\(#([^)]+)\)", page))
    assert used <= set(ids)
    fetched = re.findall(r'(?:src|href)="(https?:[^"]+)"', page)
    assert not fetched

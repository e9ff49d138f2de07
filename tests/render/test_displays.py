"""Every value that shows itself: text of 72 columns, a picture, a bundle that needs no kernel."""

from __future__ import annotations

import base64
import importlib
import re
import xml.etree.ElementTree as ET
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from IPython.core.formatters import DisplayFormatter
from IPython.lib.pretty import pretty

import xenexplore as xe
from xenexplore.display import Shown, text_of
from xenexplore.render.displays import DISPLAYS, svg_of
from xenexplore.render.drawing.theme import THEMES
from xenexplore.render.text.table import WIDTH
from xenexplore.render.web.still import picture_html

SMALL = "synthetic:vcpus=2:tasks=4:calls=200"
KASLR = Path(__file__).resolve().parents[1] / "data/images/plain-96-kaslr/ptpages.bin.zst"
MAIL = Path(xe.__file__).parent / "scenario/library/straddle.toml"
PICTURE = re.compile(
    r'<img alt="[^"]+" src="data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)" style="[^"]*">'
)
# Not for a mail's columns: CSV, and a scenario's own text, quoted or not.
ITS_OWN_COLUMNS = {
    "analysis.sweep:SweepTable",
    "scenario.model.scenario:Scenario",
    "mail.reply:Reply",
}


@cache
def sample(name: str) -> Any:
    """One value of each class of the table."""
    scenario = xe.load("evtchn-send-from-stack")
    made = {
        "scenario.run.trace:Trace": lambda: xe.run(scenario, "software-tlb"),
        "scenario.run.comparison:Comparison": lambda: xe.compare(scenario),
        "scenario.model.scenario:Scenario": lambda: scenario,
        "scenario.library.builtin:ScenarioList": xe.scenarios,
        "mail.mail:Mail": lambda: xe.read_mail(str(MAIL)),
        "mail.reply:Reply": lambda: xe.reply("straddle", "number-bit"),
        "mail.thread:Thread": lambda: xe.thread(str(MAIL)),
        "scenario.run.matrix:Matrix": lambda: xe.matrix(run=False),
        "scenario.trial.trial:Trial": lambda: xe.trial("number-bit", n=2, scenarios=["straddle"]),
        "hypercalls.outline.diff:CatalogueDiff": lambda: xe.hypercalls.diff("4.17", "4.18"),
        "teaching.attempt:Exercise": lambda: xe.exercise("find-the-frame"),
        "teaching.attempt:ExerciseList": xe.exercises,
        "teaching.attempt:AnswerVerdict": lambda: xe.exercise("find-the-frame").check(0),
        "options.registry:OptionList": xe.designs,
        "paging.walk_record:Walk": lambda: xe.walk(KASLR, 0x1000),
        "paging.image_target:ImageTarget": lambda: xe.open_image(KASLR),
        "paging.batch.address_space:AddressSpace": lambda: xe.map(KASLR),
        "hypercalls.catalogue.entries:SubOp": lambda: xe.hypercalls.find("evtchn send"),
        "hypercalls.catalogue.entries:Family": lambda: xe.hypercalls.find("memory_op"),
        "recording.format.columns:Recording": lambda: xe.open_recording("pvh"),
        "recording.contents.summary:Summary": lambda: xe.summarise("pvh"),
        "recording.matching.matching:Matching": lambda: xe.explain("pvh"),
        "analysis.replay.replays:Replays": lambda: xe.replay(SMALL, "linear-walk"),
        "analysis.findings:Findings": lambda: xe.report(SMALL),
        "analysis.sweep:SweepTable": lambda: xe.sweep(
            SMALL, entries=[1], policy=["lru"], scope=["vcpu"], p2m=["4K"], register=["on-miss"]
        ),
    }
    return (made | at_the_prompt())[name]()


@cache
def at_the_prompt() -> dict[str, Any]:
    """Objects of a session: a stale entry among them."""
    guest = xe.Guest("linux", memory="96 MiB", vcpus=2, encryption="snp")
    send = guest.buffer("stack", struct="evtchn_send", port=5)
    guest.share(send)
    xen = xe.Xen(guest, "software-tlb", entries=4)
    inserts, found = xen.tlb[0].register(send), xen.tlb[0].lookup(send)
    (purged,) = xen.tlb[1].purge()
    guest.remap(send)
    return {
        "session.guest:Guest": lambda: guest,
        "session.buffers:Buffers": lambda: guest.buffers,
        "session.buffer:Buffer": lambda: send,
        "session.regions:Regions": lambda: guest.regions,
        "session.p2m:P2mView": lambda: guest.p2m,
        "session.p2m:P2mFrame": lambda: guest.p2m[0x1000],
        "session.page_tables:PageTablesView": lambda: guest.page_tables,
        "session.page_tables:TableEntry": lambda: guest.page_tables.entry(send),
        "session.memory:MemoryView": lambda: guest.memory,
        "session.memory:MemoryBytes": lambda: guest.memory.as_xen[send],
        "session.xen:Xen": lambda: xen,
        "session.tlb:VcpuTlbs": lambda: xen.tlb,
        "session.tlb:VcpuTlb": lambda: xen.tlb[0],
        "session.tlb:RegisteredEntry": lambda: xen.tlb[0][0],
        "session.tlb:TlbSteps": lambda: inserts,
        "steps.tlb:TlbInsert": lambda: inserts[0],
        "steps.tlb:TlbLookup": lambda: found,
        "steps.tlb:TlbPurge": lambda: purged,
    }


@pytest.mark.parametrize("name", DISPLAYS)
def test_a_value_shows_itself(name: str) -> None:
    value = sample(name)
    text = value.text()
    assert text.isascii()
    assert text.endswith("\n")
    if name not in ITS_OWN_COLUMNS:
        assert max(map(len, text.splitlines())) <= WIDTH
    bundle = value._repr_mimebundle_(include=None, exclude=None)
    tables = {"image/svg+xml"} if DISPLAYS[name].html and DISPLAYS[name].svg else set()
    assert set(bundle) == {"text/plain", "text/html"} | tables
    assert bundle["text/plain"] == text
    assert "<script" not in bundle["text/html"]
    assert "<svg" not in bundle["text/html"], "inline SVG is stripped where nothing is trusted"


@pytest.mark.parametrize("name", DISPLAYS)
def test_a_repr_is_one_short_line(name: str) -> None:
    shown = repr(sample(name))
    assert "\n" not in shown
    assert shown.startswith("<")
    assert shown.endswith(">")
    if not isinstance(sample(name), tuple):
        assert len(shown) <= 2 * WIDTH, shown


@pytest.mark.parametrize("name", [name for name, one in DISPLAYS.items() if one.svg])
def test_a_picture_is_in_the_bundle(name: str) -> None:
    value = sample(name)
    assert ET.fromstring(value.svg()).tag.endswith("svg")
    bundle = value._repr_mimebundle_()
    if DISPLAYS[name].html:
        assert f"{bundle['image/svg+xml']}" in value.svg()
        assert value.svg(theme="dark") != value.svg()
        return
    match = PICTURE.search(bundle["text/html"])
    assert match is not None
    assert ET.fromstring(base64.b64decode(match[1])).tag.endswith("svg")


@pytest.mark.parametrize("name", DISPLAYS)
def test_the_table_names_what_there_is(name: str) -> None:
    module, _, kind = name.partition(":")
    found = getattr(importlib.import_module(f"xenexplore.{module}"), kind)
    assert hasattr(found, "text")
    assert hasattr(found, "_repr_mimebundle_")
    assert hasattr(found, "svg") == bool(DISPLAYS[name].svg)


def test_every_shown_class_is_in_the_table() -> None:
    def below(kind: type) -> set[type]:
        return {kind}.union(*(below(one) for one in kind.__subclasses__()))

    for name in DISPLAYS:
        sample(name)
    own = {kind for kind in below(Shown) if not kind.__module__.endswith(".display")}
    names = {f"{k.__module__.removeprefix('xenexplore.')}:{k.__qualname__}" for k in own}
    assert names <= set(DISPLAYS)


def test_box_characters_where_they_are_asked_for() -> None:
    for name in ("scenario.run.trace:Trace", "recording.contents.summary:Summary"):
        assert not sample(name).text(unicode=True).isascii()


def test_a_picture_is_dark_where_the_page_asks_for_it() -> None:
    light, dark = THEMES["light"], THEMES["dark"]
    html = picture_html(svg_of(xe.run("straddle")), "straddle")
    found = re.search(r'base64,([^"]+)" style="color-scheme:light;max-height:.*?">', html)
    assert found
    whole = base64.b64decode(found[1]).decode()
    rules = whole[whole.index("@media(prefers-color-scheme:dark){") : whole.index("</style>")]
    painted = set(re.findall(r'(fill|stroke)="(#\w+)"', whole.partition("</style>")[2]))
    roles = {light.colour(role.name): role.name for role in fields(light) if role.name != "name"}
    assert len(painted) > 6
    for paint, colour in painted:
        assert f'[{paint}="{colour}"]{{{paint}:{dark.colour(roles[colour])}}}' in rules
    # What is in other colours is turned round.
    assert (
        "invert"
        in base64.b64decode(
            picture_html("<svg><path style='fill: #ffffff'/></svg>", "")
            .split('"')[3]
            .partition(",")[2]
        ).decode()
    )


def test_what_is_in_no_table_is_refused() -> None:
    with pytest.raises(TypeError, match=r"object has no entry in xenexplore\.render\.displays"):
        text_of(object())


def test_a_trace_shows_its_views() -> None:
    trace = sample("scenario.run.trace:Trace")
    texts = {trace.text(), trace.text(3), trace.text(view="map"), trace.text(view="registered")}
    assert len(texts) == 4
    with pytest.raises(xe.MachineError, match="no view 'moon'"):
        trace.text(view="moon")
    with pytest.raises(xe.MachineError, match="no step 999"):
        trace.text(999)
    assert trace.svg(2, view="map", theme="dark") != trace.svg(2, view="map")
    assert trace.to_json(3) in trace.to_json().replace(b",\n", b"\n")


def test_findings_show_each_figure_by_name() -> None:
    findings = sample("analysis.findings:Findings")
    for figure in xe.figures(findings):
        assert findings.svg(figure.name) == figure.svg()
        assert len(repr(figure)) <= 2 * WIDTH
    with pytest.raises(xe.MachineError, match="no figure 'moon'"):
        findings.svg("moon")


@pytest.mark.parametrize("name", DISPLAYS)
def test_ipython_shows_the_same_text_and_in_a_list_the_repr(name: str) -> None:
    value = sample(name)
    shown, _ = DisplayFormatter().format(value)
    assert shown["text/plain"].rstrip("\n") == value.text().rstrip("\n")
    assert pretty([value]) == f"[{value!r}]"

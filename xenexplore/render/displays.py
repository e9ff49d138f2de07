"""Displays of every kind of value: the one table of texts and pictures.

:mod:`xenexplore.display` comes here for whatever derives from ``Shown``, so that the rooms
below know nothing of drawing.  Renderers are imported when they are first needed.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from xenexplore.render.text.box import in_boxes
from xenexplore.render.web.still import folded_html, picture_html, text_html

__all__ = ["DISPLAYS", "Display", "mimebundle_of", "svg_of", "text_of"]


@dataclass(frozen=True, slots=True)
class Display:
    """Renderers of one class, each as ``module:function`` under ``xenexplore.render``.

    Attributes:
        text: the value as text; takes ``unicode`` where ``draws`` says so.
        svg: the value as a picture, or ``""``.
        html: the value as tables of HTML, its picture beside them in the bundle; or ``""``:
            HTML is made of its picture, or else of its text.
        draws: whether the text has lines that box characters can draw by themselves.
    """

    text: str
    svg: str = ""
    html: str = ""
    draws: bool = False


_SHEET = Display(
    "text.sheet:sheet_text", svg="svg.sheet:sheet_svg", html="web.sheet_html:sheet_html"
)

DISPLAYS: dict[str, Display] = {
    "scenario.run.trace:Trace": Display(
        "text.run.views:run_text", svg="svg.views:svg_of", draws=True
    ),
    "scenario.run.comparison:Comparison": Display(
        "text.run.comparison:comparison_text", svg="svg.views:svg_of", draws=True
    ),
    "scenario.model.scenario:Scenario": Display("text.scenarios:scenario_text"),
    "scenario.library.builtin:ScenarioList": Display("text.scenarios:names_text"),
    "mail.mail:Mail": Display("text.mail.mail:mail_text"),
    "mail.reply:Reply": Display("text.mail.reply:reply_text"),
    "mail.thread:Thread": Display("text.mail.thread:thread_text"),
    "scenario.run.matrix:Matrix": Display("text.matrix:matrix_text"),
    "scenario.trial.trial:Trial": Display("text.trial:trial_text"),
    "options.registry:OptionList": Display("text.options:list_text", draws=True),
    "paging.walk_record:Walk": Display(
        "text.walk:walk_text", svg="svg.sheet:sheet_svg", html="web.sheet_html:sheet_html"
    ),
    "paging.image_target:ImageTarget": Display("text.image:target_text"),
    "paging.batch.address_space:AddressSpace": Display("text.runs:address_space_text"),
    "hypercalls.catalogue.entries:SubOp": Display(
        "text.hypercall:entry_text", html="web.catalogue_html:entry_html"
    ),
    "hypercalls.catalogue.entries:Family": Display(
        "text.hypercall:entry_text", html="web.catalogue_html:entry_html"
    ),
    "hypercalls.outline.diff:CatalogueDiff": Display("text.catalogue_diff:diff_text"),
    "recording.format.columns:Recording": Display("text.recorded.recording:recording_text"),
    "recording.contents.summary:Summary": Display("text.recorded.recording:summary_text"),
    "recording.matching.matching:Matching": Display("text.recorded.matching:matching_text"),
    "analysis.replay.replays:Replays": Display("text.recorded.replay:replays_text"),
    "analysis.findings:Findings": Display(
        "text.recorded.report:report_text", svg="plots.figures:figure_svg"
    ),
    "analysis.sweep:SweepTable": Display("text.recorded.replay:sweep_text"),
    "steps.tlb:TlbInsert": _SHEET,
    "steps.tlb:TlbLookup": _SHEET,
    "steps.tlb:TlbPurge": _SHEET,
    "teaching.attempt:Exercise": Display("text.exercises:exercise_text"),
    "teaching.attempt:ExerciseList": Display("text.exercises:exercises_text"),
    "teaching.attempt:AnswerVerdict": Display("text.exercises:verdict_text"),
    "session.guest:Guest": _SHEET,
    "session.buffers:Buffers": _SHEET,
    "session.buffer:Buffer": _SHEET,
    "session.regions:Regions": _SHEET,
    "session.p2m:P2mView": _SHEET,
    "session.p2m:P2mFrame": _SHEET,
    "session.page_tables:PageTablesView": _SHEET,
    "session.page_tables:TableEntry": _SHEET,
    "session.memory:MemoryView": _SHEET,
    "session.memory:MemoryBytes": _SHEET,
    "session.xen:Xen": _SHEET,
    "session.tlb:VcpuTlbs": _SHEET,
    "session.tlb:VcpuTlb": _SHEET,
    "session.tlb:RegisteredEntry": _SHEET,
    "session.tlb:TlbSteps": _SHEET,
}
"""Class, as ``module:name`` under ``xenexplore``, to its renderers."""


def text_of(shown: object, *, unicode: bool = False, **how: Any) -> str:
    """A value as text of 72 columns; ``how`` is what its renderer takes."""
    display = _display(shown)
    render = _renderer(display.text)
    if display.draws:
        return str(render(shown, unicode=unicode, **how))
    text = str(render(shown, **how))
    return in_boxes(text) if unicode else text


def svg_of(shown: object, **how: Any) -> str:
    """A value as an SVG document; ``how`` is what its renderer takes."""
    return str(_renderer(_display(shown).svg)(shown, **how))


def mimebundle_of(shown: object) -> dict[str, str]:
    """Text, and HTML that survives where nothing is trusted and no kernel runs.

    A picture is an ``<img>`` that carries its SVG; its text is folded away beside it.  What has
    tables of HTML has its picture as ``image/svg+xml``, for readers that show no HTML.
    """
    display, text = _display(shown), text_of(shown)
    if display.html:
        bundle = {"text/plain": text, "text/html": str(_renderer(display.html)(shown))}
        return bundle | ({"image/svg+xml": _bare(svg_of(shown))} if display.svg else {})
    if display.svg:
        html = picture_html(_bare(svg_of(shown)), repr(shown)) + folded_html(text)
    else:
        html = text_html(text)
    return {"text/plain": text, "text/html": html}


def _bare(svg: str) -> str:
    """Without what stands before the root element, which no picture of a page needs."""
    return svg[svg.index("<svg") :]


def _display(shown: object) -> Display:
    for kind in type(shown).__mro__:
        name = f"{kind.__module__.removeprefix('xenexplore.')}:{kind.__qualname__}"
        if name in DISPLAYS:
            return DISPLAYS[name]
    raise TypeError(f"{type(shown).__name__} has no entry in {__name__}.DISPLAYS")


def _renderer(name: str) -> Callable[..., object]:
    module, _, function = name.partition(":")
    found: Callable[..., object] = getattr(
        importlib.import_module(f"xenexplore.render.{module}"), function
    )
    return found

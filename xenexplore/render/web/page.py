"""One file that steps through a trace offline: the stepper, the trace, and a strict policy.

The page asks for nothing: its Content-Security-Policy allows one script and one
style, by their SHA-256, and images only from inside the file.  The trace is
in a data block, which is never executed.  Readers without scripts see a
picture and the text.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from xenexplore.render.svg.head import STATUS
from xenexplore.render.views.comparison import sides_of, verdict_of
from xenexplore.render.views.lockstep import status_changes
from xenexplore.render.web.compact import compact_script, compact_style
from xenexplore.render.web.modules import joined
from xenexplore.render.web.view_data import trace_view_json
from xenexplore.steps import Status

if TYPE_CHECKING:
    from os import PathLike

    from xenexplore.scenario.run.comparison import Comparison
    from xenexplore.scenario.run.trace import Trace

__all__ = [
    "comparison_head",
    "comparison_json",
    "html_document",
    "opening_step",
    "save_html",
    "trace_html",
    "web_module",
    "web_style",
]

_PAGE_STYLE = """
:root { color-scheme: light dark; }
body { margin: 0; background: light-dark(#fff, #14171b); }
main { max-width: 1480px; margin: 0 auto; }
noscript pre { margin: 24px; font: 13px/1.4 monospace; color: light-dark(#17191c, #e8eaed); }
noscript img { display: block; max-width: 100%; margin: 24px; }
"""
_MOUNT = """
const main = document.querySelector("main");
const share = () => {
  const unseen = document.querySelector("noscript").textContent;
  const kept = new DOMParser().parseFromString(unseen, "text/html");
  const [, svg] = kept.querySelector("img")?.src.split(/,(.*)/s) ?? [];
  const text = kept.querySelector("pre")?.textContent ?? "";
  return Promise.resolve({ text, svg: decodeURIComponent(svg ?? "") });
};
mount(main, JSON.parse(document.getElementById("data").textContent),
  { deepLink: true, step: Number(main.dataset.step), python: main.dataset.python, share });
"""
# What may not stand in a data block: the end of the element, and what opens a comment.
_UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


_ABOUT = """\
// The stepper: one recorded trace, its linked views, and several traces side by side.
//
// The modules of xenexplore/render/web/stepper, joined.  JupyterLab runs this as an
// anywidget (the default export); a page calls mount().  All that is
// shown comes from the recorded steps of "xenexplore.trace/1"; nothing here
// decides what Xen does.
"""


def web_module() -> str:
    """The ES module that JupyterLab and the site load: anywidget's default export, and mount()."""
    return f"{_ABOUT}\n{joined('anywidget')}"


@cache
def web_style() -> str:
    """The style sheet of every view, and of the lab's forms."""
    return _style("stepper", "comparison", "forms", "print")


def _style(*names: str) -> str:
    folder = resources.files("xenexplore.render") / "web"
    return "".join((folder / f"{name}.css").read_text("utf-8") for name in names)


def html_document(
    data: bytes | str,
    *,
    title: str,
    step: int = 0,
    python: str = "",
    traces: bool = False,
    fallback_svg: str = "",
    fallback_text: str = "",
) -> str:
    """One HTML file around a trace or a comparison; same arguments, same text.

    Args:
        data: JSON as :func:`~xenexplore.render.web.view_data.trace_view_json` or
            :func:`comparison_json` write it.
        title: of the page.
        step: where it opens, from 0; of a comparison -1: all options at their ends.
        python: the lines that show the same in JupyterLab, or ``""``.
        traces: whether the data are of a comparison.
        fallback_svg: a picture for readers without scripts, or ``""``.
        fallback_text: text for them, or ``""``.
    """
    script = _page_script("page" if traces else "stepper_page")
    style = compact_style(
        _style("stepper", *(["comparison"] if traces else []), "print") + _PAGE_STYLE
    )
    # The page is all ours: its own properties need no name that tells them from others'.
    script, style = (text.replace("--xe-", "--") for text in (script, style))
    assert "</script" not in script, "the script would end its own element"
    assert "</style" not in style, "the style would end its own element"
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="referrer" content="no-referrer">',
            f"<title>{html.escape(title)}</title>",
            f"<style>{style}</style>",
            "</head>",
            "<body>",
            f'<main data-step="{step}" data-python="{html.escape(python)}"></main>',
            f"<noscript>{_fallback(title, fallback_svg, fallback_text)}</noscript>",
            f'<script type="application/json" id="data">{_escaped(data)}</script>',
            f'<script type="module">{script}</script>',
            "</body>",
            "</html>",
            "",
        ]
    )


@cache
def _page_script(entry: str) -> str:
    return compact_script(joined(entry) + _MOUNT)


def opening_step(trace: Trace) -> int:
    """Step at which a stepper opens by default: the one that its still picture shows."""
    from xenexplore.render.views.step_tree import StepTree
    from xenexplore.render.views.translation_graph import telling_step

    return telling_step(StepTree(trace.steps))


def trace_html(trace: Trace | Comparison) -> str:
    """The offline page of a trace or of a comparison; its picture and text are the fallback.

    It opens at the step that says most, a comparison with all options at their
    ends; a link with ``#step=N`` (or ``#step=end``) opens it elsewhere.
    """
    from xenexplore.render.svg.views import svg_of
    from xenexplore.render.web.as_python import page_python
    from xenexplore.scenario.run.comparison import Comparison

    picture = svg_of(trace)
    if isinstance(trace, Comparison):
        from xenexplore.render.text.run.comparison import comparison_text

        title = f"{trace.about.title}: {len(trace.rows)} options"
        return html_document(
            comparison_json(trace),
            title=title,
            step=-1,
            python=page_python(trace),
            traces=True,
            fallback_svg=picture,
            fallback_text=comparison_text(trace),
        )
    from xenexplore.render.text.run.trace import trace_text

    return html_document(
        trace_view_json(trace),
        title=f"{trace.about.title}: {trace.option.label}",
        step=opening_step(trace),
        python=page_python(trace),
        fallback_svg=picture,
        fallback_text=trace_text(trace),
    )


def save_html(trace: Trace | Comparison, file: str | PathLike[str]) -> None:
    """Write the offline page of a trace or of a comparison.

    Args:
        trace: a run, or a comparison of several.
        file: the page to write.

    Raises:
        OSError: the file cannot be written.

    >>> import xenexplore as xe
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     save_html(xe.run(xe.load("straddle")), f"{folder}/straddle.html")
    ...     Path(folder, 'straddle.html').stat().st_size > 100_000
    True
    """
    Path(file).write_text(trace_html(trace), encoding="utf-8", newline="\n")


def comparison_json(comparison: Comparison) -> bytes:
    """A comparison with the whole trace of each option: what the comparison view is drawn from.

    ``Comparison.to_json()`` with five more members: ``verdict``, in a few sentences; and in the
    order of ``options`` ``moments``, what came of each so far; ``opens``, the step of each that
    says most; ``results``, what the last call of each returned; ``traces``, as
    :func:`~xenexplore.render.web.view_data.trace_view_json` writes each.
    """
    paths = b",\n".join(trace_view_json(row.trace).rstrip() for row in comparison.rows)
    return comparison_head(comparison) + b',\n"traces":[\n' + paths + b"\n]}\n"


def comparison_head(comparison: Comparison) -> bytes:
    """The part of :func:`comparison_json` before the traces."""
    head = comparison.to_json().rstrip()
    assert head.endswith(b"]}"), "Comparison.to_json() ends with its list of options"
    more = {
        "verdict": verdict_of(comparison),
        "moments": [_moments(row.trace) for row in comparison.rows],
        "opens": [opening_step(row.trace) for row in comparison.rows],
        "results": [side.result for side in sides_of(comparison)],
    }
    members = [f'"{name}":{json.dumps(value, ensure_ascii=False)}' for name, value in more.items()]
    return b",\n".join([head[:-1], *(member.encode() for member in members)])


def _moments(trace: Trace) -> list[tuple[int, str, str, str]]:
    """Moments of a run: from which step on, mark, words, status."""
    last = len(trace.steps) - 1
    found = []
    for index, status in status_changes(trace):
        mark, words, _ = ("", "no bytes yet", "") if status is None else STATUS[status]
        sofar = " so far" if status is Status.RIGHT and index < last else ""
        found.append((index, mark, f"{words}{sofar}", "" if status is None else str(status)))
    return found


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _escaped(data: bytes | str) -> str:
    text = data.decode() if isinstance(data, bytes) else data
    for unsafe, safe in _UNSAFE.items():
        text = text.replace(unsafe, safe)
    return text


def _fallback(title: str, svg: str, text: str) -> str:
    parts = [_picture(svg, title)] if svg else []
    if text:
        parts.append(f"<pre>{html.escape(text, quote=False)}</pre>")
    return "".join(parts)


def _picture(svg: str, alt: str) -> str:
    """As :func:`picture_html`, a quarter smaller: a page of ours is not sanitised by anyone."""
    svg = svg.replace("\n", "").replace("&#x27;", "'")
    for sign in "%#'":
        svg = svg.replace(sign, f"%{ord(sign):02X}")
    source = svg.replace("&", "&amp;")  # of the other signs, an attribute's value takes all
    return f"<img alt=\"{html.escape(alt)}\" src='data:image/svg+xml,{source}'>"

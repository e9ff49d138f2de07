"""The catalogue of hypercalls: a list that is searched, and a page for each hypercall.

Every release of Xen that the catalogue describes is on the same pages: what does not differ stands
once, what does stands once for each span of releases, which says them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Any

from xenexplore.hypercalls.catalogue.entries import families
from xenexplore.hypercalls.outline.diff import diff
from xenexplore.hypercalls.outline.entry_json import entry_json
from xenexplore.hypercalls.releases import READ, RELEASES, Releases
from xenexplore.render.text.catalogue_diff import diff_text
from xenexplore.site.catalogue_entry import entry_html
from xenexplore.site.shell import page, table

__all__ = ["ReleaseEntry", "catalogue_pages", "catalogue_release"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseEntry:
    """One hypercall or sub-op as one release has it.

    Attributes:
        name: the hypercall's name; ``op``: the sub-op's, or ``""``.
        title: both.
        number: ``"12"``, or ``"12.3"`` of a sub-op; ``constant``: the header's, or ``""``.
        guests: kinds of guests, in words.
        summary: one sentence.
        html: all of it.
    """

    name: str
    op: str
    title: str
    number: str
    constant: str
    guests: str
    summary: str
    html: str


def catalogue_release(release: str) -> tuple[list[ReleaseEntry], str]:
    """Entries of one release, and as text what differs from the one before (``""``: the first)."""
    found = []
    for one in families(release):
        found.append(_entry(one.name, "", entry_json(one)))
        found += [_entry(one.name, op.name, entry_json(op)) for op in one.ops.values()]
    at = RELEASES.index(release)
    return found, diff_text(diff(RELEASES[at - 1], release)) if at else ""


def _entry(name: str, op: str, record: dict[str, Any]) -> ReleaseEntry:
    number = str(record["number"])
    return ReleaseEntry(
        name=name,
        op=op,
        title=record["name"],
        number=f"{number}.{record['sub_op']}" if "sub_op" in record else number,
        constant=record.get("constant", ""),
        guests=", ".join(record["guests"]),
        summary=record["summary"],
        html=entry_html(record),
    )


#: An entry in each release that has it, oldest first.
_History = dict[str, ReleaseEntry]


def catalogue_pages(
    releases: Sequence[tuple[list[ReleaseEntry], str]],
) -> Iterator[tuple[str, str]]:
    """Each page of it with its place in the site.

    Args:
        releases: what :func:`catalogue_release` has of each, in order.
    """
    every: dict[str, dict[str, _History]] = {}
    for release, (entries, _) in zip(RELEASES, releases, strict=True):
        for one in entries:
            every.setdefault(one.name, {}).setdefault(one.op, {})[release] = one
    rows = []
    for name, ops in sorted(every.items(), key=lambda item: int(_newest(item[1][""]).number)):
        ordered = sorted(ops.items(), key=lambda item: _key(_newest(item[1])))
        yield f"catalogue/{name}.html", _family_page(name, ordered)
        rows += [_list_row(history) for _, history in ordered]
    head = ("Name", "Number", "Guests", "Xen", "Summary")
    listed = table(head, rows, caption="Every hypercall and sub-op", cls="wide listed")
    body = f"""<h1>Hypercalls</h1>
<p class="lead">Registers, argument structs, guest handles, and the copies that Xen makes, in order,
in each release from {RELEASES[0]} on. <a href="changes.html">Differences between releases</a></p><p
class="search">{_selector()}
<label for="search">Search</label>
<input id="search" type="search" autocomplete="off" placeholder="memory_op, evtchn send, XENMEM_">
<span id="count" role="status">{len(rows)} entries</span></p>{listed}"""
    here = "catalogue/index.html"
    yield here, page("Hypercalls", body, here=here, script="catalogue.js")
    yield "catalogue/changes.html", _changes_page([text for _, text in releases])


def _newest(history: _History) -> ReleaseEntry:
    return history[next(reversed(history))]


def _key(one: ReleaseEntry) -> tuple[bool, int, str]:
    """The hypercall itself, then its sub-ops by value."""
    _, dot, value = one.number.partition(".")
    return bool(dot), int(value or 0), one.op


def _selector() -> str:
    """Shown by the script, which alone can make use of it."""
    options = "".join(f'<option value="{one}">{_name(one)}</option>' for one in RELEASES)
    return (
        '<span class="xen" hidden><label for="xen">Xen</label> <select id="xen">'
        f'<option value="">every release</option>{options}</select></span>'
    )


def _name(release: str) -> str:
    """A release with what was read of it."""
    return f"{release}: {READ[release]}" if release not in READ[release] else READ[release]


def _spans(history: _History) -> list[tuple[list[str], ReleaseEntry]]:
    """Runs of releases that have it alike."""
    found: list[tuple[list[str], ReleaseEntry]] = []
    for release, one in history.items():
        if found and found[-1][1] == one and _next(found[-1][0][-1]) == release:
            found[-1][0].append(release)
        else:
            found.append(([release], one))
    return found


def _next(release: str) -> str:
    return dict(pairwise(RELEASES)).get(release, "")


def _span(releases: Sequence[str]) -> str:
    """``"since 4.18"``, ``"until 4.20"``, ``"4.18 to 4.20"``; ``""`` for every release."""
    first, last = releases[0], releases[-1]
    return str(
        Releases(
            since="" if first == RELEASES[0] else first, until="" if last == RELEASES[-1] else last
        )
    )


def _list_row(history: _History) -> tuple[str, ...]:
    one = _newest(history)
    constant = one.constant
    words = f'<span class="also">{escape(constant)}</span>' if constant else ""
    anchor = f"#{one.op}" if one.op else ""
    href = f"{one.name}.html{anchor}"
    return (
        f'<a href="{href}" data-xen="{" ".join(history)}">{escape(one.title)}</a>{words}',
        one.number,
        escape(one.guests),
        _span(list(history)),
        escape(one.summary),
    )


def _family_page(name: str, ops: Sequence[tuple[str, _History]]) -> str:
    (_, own), *rest = ops
    newest = _newest(own)
    body = [f"<h1>{escape(name)}</h1>", f'<p class="search">{_selector()}</p>', _versions(own)]
    if rest:
        rows = [
            (
                f'<a href="#{op}" data-xen="{" ".join(history)}">{escape(op)}</a>',
                _newest(history).number.partition(".")[2],
                escape(_newest(history).constant),
                _span(list(history)),
                escape(_newest(history).summary),
            )
            for op, history in rest
        ]
        head = ("Sub-op", "Value", "Constant", "Xen", "Summary")
        body.append("<h2>Sub-ops</h2>" + table(head, rows, caption="Sub-ops", cls="wide listed"))
    for op, history in rest:
        title = escape(_newest(history).title)
        body.append(f'<section id="{op}"><h2>{title}</h2>{_versions(history)}</section>')
    return page(
        f"{name}, hypercall {newest.number}",
        "".join(body),
        here=f"catalogue/{name}.html",
        script="catalogue.js",
    )


def _versions(history: _History) -> str:
    """The entry; where it differs from release to release, once for each span of them."""
    parts = []
    for releases, one in _spans(history):
        span = _span(releases)
        said = f'<p class="span">Xen {span}</p>' if span else ""
        parts.append(f'<div data-xen="{" ".join(releases)}">{said}{one.html}</div>')
    return "".join(parts)


def _changes_page(texts: Sequence[str]) -> str:
    parts = ["<h1>Differences between releases</h1>"]
    for (before, release), text in zip(pairwise(RELEASES), texts[1:], strict=True):
        name = f"{before} to {release}"
        parts.append(
            f'<section id="{release}"><h2>Xen {name}</h2>'
            f'<pre class="report" tabindex="0">{escape(text)}</pre></section>'
        )
    here = "catalogue/changes.html"
    return page("Hypercalls that differ between releases of Xen", "".join(parts), here=here)

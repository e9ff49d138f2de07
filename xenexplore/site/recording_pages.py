"""Pages of the recordings' findings: the report, with its figures beside it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from xenexplore.analysis.findings import find
from xenexplore.analysis.workload.find_workload import find_workload
from xenexplore.render.plots.figures import figures_of
from xenexplore.render.text.recorded.report import report_text
from xenexplore.site.shell import page, table

__all__ = ["recording_list", "recording_pages"]


def recording_pages(name: str) -> tuple[dict[str, bytes], tuple[str, str]]:
    """The files of one recording's page, and its row in the list: name, first line.

    Raises:
        InputError: there is no such recording.
    """
    findings = find(find_workload(name))
    files: dict[str, bytes] = {}
    parts = [f"<h1>Recording {escape(name)}</h1>"]
    for figure in figures_of(findings):
        place = f"recordings/{name}-{figure.name}.svg"
        files[place] = figure.svg().encode()
        parts.append(
            f'<figure><img src="{name}-{figure.name}.svg" alt="{escape(figure.title)}" '
            f'width="720" height="360" loading="lazy"><figcaption>{escape(figure.title)}. '
            f"{escape(figure.caption)}</figcaption>"
            f"<details><summary>as text</summary><pre>{escape(figure.text())}</pre></details>"
            "</figure>"
        )
    text = f'<pre class="report" tabindex="0">{escape(report_text(findings))}</pre>'
    parts.insert(1, text)
    here = f"recordings/{name}.html"
    files[here] = page(f"Recording {name}", "".join(parts), here=here).encode()
    domains = sum(1 for domain in findings.domains if domain.coverage.accesses)
    accesses = sum(domain.coverage.accesses for domain in findings.domains)
    return files, (name, f"{domains} domains, {accesses:,} accesses to guest memory")


def recording_list(rows: Sequence[tuple[str, str]]) -> str:
    """The recordings of a site."""
    cells = [(f'<a href="{name}.html">{name}</a>', escape(says)) for name, says in rows]
    body = """<h1>Recordings</h1>
<p class="lead">Hypercalls of real guests on a real Xen, recorded under an emulator, with the
findings about each design.</p>"""
    body += table(("Recording", "Holds"), cells, caption="Recordings") if cells else "<p>None.</p>"
    return page("Recordings", body, here="recordings/index.html")

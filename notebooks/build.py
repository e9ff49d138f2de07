"""Build the notebooks: ``python notebooks/build.py [NAME ...] [--check]``.

``NN_topic.py`` (jupytext's percent format) is the source that is reviewed;
``NN_topic.ipynb`` is executed from it, made canonical and saved with its
outputs.  An .ipynb is never edited by hand.  ``--check`` builds in memory and
exits with 1 where a saved notebook differs from what its source gives; the
bytes of plots are left out of that, since each matplotlib draws its own.

Claims (``assert``s, but those about a name that their cell sets again) are taken out of their
cells into others, tagged ``claims`` and folded, that are run like the rest, and a reader is spared
them.  A notebook has few of these: one stands at the end, and one before each cell that sets again a
name that a claim is about.  Where something else changes what claims are about, the cell that
has them carries the tag ``now``, and theirs follow it at once.
A section whose heading has the tag ``more`` is folded in JupyterLab until its heading is clicked,
and an output of more than 24 lines scrolls in its own box: the others do without both.
Slides, for ``jupyter nbconvert --to slides``: a heading begins a cell, and a slide; what follows
is beneath it, on a further one where this one is full; claims, and texts that fit on none, are
left out.  A cell that is higher than a slide scrolls, with ``--SlidesExporter.reveal_scroll=True``.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import hashlib
import json
import re
import sys
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

HERE = Path(__file__).resolve().parent
# All that a saved notebook says about its kernel: enough to open and highlight it.  The kernel that
# ran it reports its own versions too; they are left out, or the bytes would be those of one machine.
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "name": "python",
        "pygments_lexer": "ipython3",
    },
}
CLAIMS = "claims"
NOW = "now"
MORE = "more"
LONG = 24
#: px of a slide (reveal.js gives it 700), of a line of text, and of a picture (still.py).
SLIDE, LINE, PICTURE = 680, 27, 440
VOLATILE = ("application/vnd.jupyter.widget-view+json",)
# A plot's bytes are those of one matplotlib; its numbers stand in the text beside it.
PLOT = re.compile(r'(<div class=\\"xe-plot\\"><img alt=\\"[^"]*\\" src=\\"data:)[^"]*"')


def sources() -> list[Path]:
    """Every notebook's source, in order."""
    return sorted(HERE.glob("[0-9][0-9]_*.py"))


def build(source: Path) -> str:
    """Execute one source and return the canonical notebook as text."""
    notebook = jupytext.read(source)
    notebook.cells = _gathered([part for cell in notebook.cells for part in _by_headings(cell)])
    notebook.metadata = nbformat.from_dict(METADATA)
    client = NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        resources={"metadata": {"path": str(source.parent)}},
    )
    client.execute()
    return canonical(notebook)


def _by_headings(cell: NotebookNode) -> list[NotebookNode]:
    """A text's parts, one for each section that begins in it; what is code stays whole."""
    if cell.cell_type != "markdown":
        return [cell]
    texts = re.split(r"\n+(?=## )", cell.source)
    if MORE in cell.metadata.get("tags", ()):  # what is folded is below the heading's cell
        texts[:1] = texts[0].split("\n", 1)
    rest = [nbformat.v4.new_markdown_cell(text.strip()) for text in texts[1:]]
    return [nbformat.from_dict({**cell, "source": texts[0]}), *rest]


def _gathered(cells: list[NotebookNode]) -> list[NotebookNode]:
    """The cells without their claims, and few folded cells with them."""
    kept: list[NotebookNode] = []
    waiting: list[str] = []
    about: set[str] = set()

    def let_them_follow() -> None:
        if waiting:
            claims = nbformat.v4.new_code_cell("\n".join(waiting))
            claims.metadata.tags = [CLAIMS]
            kept.append(claims)
        waiting.clear()
        about.clear()

    for cell in cells:
        now = NOW in cell.metadata.get("tags", ())
        rest, claims, names, bound = _apart(cell)
        if about & bound:
            let_them_follow()
        kept.append(rest)
        waiting += claims
        about |= names
        if now:
            rest.metadata.pop("tags")
            let_them_follow()
    let_them_follow()
    return kept


def _apart(cell: NotebookNode) -> tuple[NotebookNode, list[str], set[str], set[str]]:
    """A cell without its claims; their lines, the names they are about, those that it sets."""
    if cell.cell_type != "code":
        return cell, [], set(), set()
    body = ast.parse(cell.source).body
    held = [
        node
        for at, node in enumerate(body)
        if isinstance(node, ast.Assert) and not _read(node) & set().union(*map(_bound, body[at:]))
    ]
    lines = cell.source.splitlines()
    claimed = {at for node in held for at in range(node.lineno - 1, node.end_lineno or 0)}
    rest = "\n".join(line for at, line in enumerate(lines) if at not in claimed).strip()
    bound = set().union(*map(_bound, body))
    if not held or not rest:
        return cell, [], set(), bound
    claims = [lines[at] for at in sorted(claimed)]
    names = set().union(*map(_read, held))
    return nbformat.from_dict({**cell, "source": rest}), claims, names, bound


def _read(tree: ast.AST) -> set[str]:
    """The names that a statement reads, but a comprehension's own."""
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    own = {node.id for node in found if isinstance(node.ctx, ast.Store)}
    return {node.id for node in found} - own


def _bound(tree: ast.AST) -> set[str]:
    """The names that a statement sets, but a comprehension's or a function's own."""
    if isinstance(tree, ast.ClassDef | ast.FunctionDef):
        return {tree.name}
    if isinstance(tree, ast.comprehension | ast.Lambda):
        return set()
    if isinstance(tree, ast.Name):
        return {tree.id} if isinstance(tree.ctx, ast.Store) else set()
    if isinstance(tree, ast.alias):
        return {tree.asname or tree.name}
    return set().union(*map(_bound, ast.iter_child_nodes(tree)))


def _metadata(cell: NotebookNode) -> dict[str, Any]:
    """Tags, whether it is folded, and how it stands among slides."""
    tags = list(cell.metadata.get("tags", ()))
    kept: dict[str, Any] = {"tags": tags} if tags else {}
    if CLAIMS in tags:
        kept["jupyter"] = {"source_hidden": True}
    if MORE in tags:
        kept["jp-MarkdownHeadingCollapsed"] = True
    if any(_is_long(output) for output in cell.get("outputs", ())):
        kept["scrolled"] = True
    return kept


def _slides(cells: list[NotebookNode]) -> list[str]:
    """How each cell stands among slides: what does not fit beneath the one before begins another."""
    found, used = [], 0
    for cell in cells:
        high = _height(cell)
        if CLAIMS in cell.metadata.get("tags", ()) or any(map(_is_long, cell.get("outputs", ()))):
            found.append("skip")
            continue
        begins = cell.cell_type == "markdown" and cell.source.startswith(("# ", "## "))
        full = used + high > SLIDE
        found.append("slide" if begins else "subslide" if full else "fragment")
        used = high if begins or full else used + high
    return found


def _height(cell: NotebookNode) -> int:
    """How high a cell is on a slide, about: in px."""
    if cell.cell_type == "markdown":
        lines = [1 + len(line) // 80 for line in cell.source.splitlines()]
        return 4 * LINE // 3 * (sum(lines) + 2 * cell.source.startswith("#"))
    shown = [_shown(output) for output in cell.get("outputs", ())]
    texts = [cell.source, *(text for text, pictured in shown if not pictured)]
    lines = sum(1 + text.count("\n") for text in texts)
    return LINE * (lines + 2) + PICTURE * sum(pictured for _, pictured in shown)


def _shown(output: NotebookNode) -> tuple[str, bool]:
    """The text of an output, and whether a picture stands in its place."""
    data = output.get("data", {})
    page = data.get("text/html", "")
    if page.startswith("<details"):
        return "\n" * 3, False  # a sentence, and the rest behind it
    return output.get("text", data.get("text/plain", "")), "<img" in page


def _is_long(output: NotebookNode) -> bool:
    """Whether a text has too many lines to stand among others; pictures and views are none."""
    text, pictured = _shown(output)
    return text.count("\n") > LONG and not pictured


def canonical(notebook: NotebookNode) -> str:
    """One text per notebook: no ids, timings, widget state or versions of the run that made it."""
    cells = []
    for cell in notebook.cells:
        if cell.cell_type == "code":  # before anything is measured by it
            cell.outputs = _joined([_output(output) for output in cell.outputs])
    slides = _slides(notebook.cells)
    for index, cell in enumerate(notebook.cells):
        kept = {
            "cell_type": cell.cell_type,
            "metadata": {**_metadata(cell), "slideshow": {"slide_type": slides[index]}},
            "source": cell.source,
        }
        digest = hashlib.sha256(cell.source.encode()).hexdigest()[:8]
        kept["id"] = f"{index:02d}-{digest}"
        if cell.cell_type == "code":
            kept["execution_count"] = cell.execution_count
            kept["outputs"] = cell.outputs
        cells.append(kept)
    record = {
        "cells": cells,
        "metadata": METADATA,
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    checked = nbformat.from_dict(json.loads(json.dumps(record)))
    nbformat.validate(checked)
    return json.dumps(record, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _joined(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Output printed at once may arrive in several parts: join them."""
    kept: list[NotebookNode] = []
    for output in outputs:
        same = ("output_type", "name")
        if "text" in output and kept and all(kept[-1].get(k) == output.get(k) for k in same):
            kept[-1]["text"] += output["text"]
        else:
            kept.append(output)
    return kept


def _output(output: NotebookNode) -> NotebookNode:
    record = nbformat.from_dict(json.loads(json.dumps(output)))
    data = record.get("data")
    if data:
        record["data"] = {kind: value for kind, value in data.items() if kind not in VOLATILE}
    if "metadata" in record:
        record["metadata"] = {}
    return record


def comparable(text: str) -> str:
    """A notebook's text without the bytes of its plots."""
    return PLOT.sub(r'\1"', text)


def main(argv: list[str] | None = None) -> int:
    """Build or check the notebooks that are named (default: all)."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("names", nargs="*", help="e.g. 00_start_here (default: all)")
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 on a difference"
    )
    args = parser.parse_args(argv)
    wanted = [path for path in sources() if not args.names or path.stem in args.names]
    stale = 0
    for source in wanted:
        text, target = build(source), source.with_suffix(".ipynb")
        before = target.read_text(encoding="utf-8") if target.exists() else ""
        if comparable(text) == comparable(before):
            print(f"{target.name}: unchanged")
        elif args.check:
            stale += 1
            print(f"{target.name}: differs from its source")
            old, new = comparable(before).splitlines(), comparable(text).splitlines()
            lines = difflib.unified_diff(old, new, lineterm="", n=0)
            print("\n".join(list(lines)[:20]))
        else:
            target.write_text(text, encoding="utf-8")
            print(f"{target.name}: written, {len(text) // 1024} KiB")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())

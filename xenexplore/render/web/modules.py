"""The page's ES modules, joined to one: JupyterLab, a page and the site are each given one file.

Each file of ``stepper/`` is a module that imports what it needs.  Joining is all
the build there is: the modules that an entry reaches, each after those that it
imports, without their ``import`` lines; what Python itself knows (the shapes of
steps, the glossary) is the module ``from_python``.
"""

from __future__ import annotations

import json
import re
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

from xenexplore.render.views.citation_links import SOURCES, link_of
from xenexplore.render.views.glossary import GLOSSARY, KEYS, TOUR
from xenexplore.render.views.step_labels import shape_of
from xenexplore.steps import Cite, step_kinds

__all__ = ["from_python", "joined", "module_names", "module_text"]

_FOLDER = resources.files("xenexplore.render") / "web" / "stepper"
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./(\w+)\.js";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const|let)\b)", re.MULTILINE)
_FROM_PYTHON = "from_python"


def module_names() -> tuple[str, ...]:
    """The modules that are files."""
    files = (file.name for file in _FOLDER.iterdir())
    return tuple(sorted(name.removesuffix(".js") for name in files if name.endswith(".js")))


def module_text(name: str, folder: Traversable = _FOLDER) -> str:
    """The text of one module."""
    if name == _FROM_PYTHON:
        return from_python()
    return (folder / f"{name}.js").read_text(encoding="utf-8")


@cache
def joined(entry: str, folder: Traversable = _FOLDER) -> str:
    """One module of all that an entry reaches; its exports are the entry's.

    Args:
        entry: e.g. ``"anywidget"``, or ``"stepper_page"`` for a page with one trace.
        folder: where the modules are, if not those of the page.
    """
    parts: dict[str, str] = {}
    _reach(entry, folder, parts, ())
    inner = [_EXPORT.sub("", text) for name, text in parts.items() if name != entry]
    return "\n".join((*inner, parts[entry]))


def _reach(name: str, folder: Traversable, parts: dict[str, str], around: tuple[str, ...]) -> None:
    """Put a module after those that it imports."""
    assert name not in around, f"modules import each other: {' -> '.join((*around, name))}"
    if name in parts:
        return
    text = module_text(name, folder)
    for other in _IMPORT.findall(text):
        _reach(other, folder, parts, (*around, name))
    parts[name] = _IMPORT.sub("", text)


def from_python() -> str:
    """The kinds of steps and their shapes, the glossary, the keys and the tour, as a module."""
    shapes = {name: shape_of(kind) for name, kind in sorted(step_kinds().items())}
    own = "{get: (known, kind) => known[kind] ?? 'half'}"  # a step of a reader's own
    terms = {
        key: (term.name, term.text, *(_source(term.cite) if term.cite else ()))
        for key, term in GLOSSARY.items()
    }
    texts = {"GLOSSARY": terms, "KEYS": KEYS, "TOUR": TOUR}
    lines = [f"export const SHAPE_OF = new Proxy({json.dumps(shapes)}, {own});"]
    lines += [f"const XEN_SOURCE = {_json(SOURCES)};"]  # begins many a link
    for name, value in texts.items():
        linked = _json(value).replace(f'"{SOURCES}', 'XEN_SOURCE + "')
        lines.append(f"export const {name} = {linked};")
    return "\n".join([*lines, ""])


def _source(cite: Cite) -> tuple[str, ...]:
    link = link_of(cite)
    return (str(cite), link) if link else (str(cite),)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

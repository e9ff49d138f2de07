"""Write a site: run what it shows, make its pages, put the folder in its place."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final

from xenexplore import __version__
from xenexplore.errors import ScenarioError
from xenexplore.hypercalls.releases import RELEASES
from xenexplore.options.registry import OPTIONS
from xenexplore.recording.format.stream import BUILT_INS
from xenexplore.render.web.page import web_module, web_style
from xenexplore.scenario.library.builtin import builtin_names, find_text
from xenexplore.scenario.text.loader import parse_scenario
from xenexplore.site.about_page import about_page, scenario_list
from xenexplore.site.answers import answers
from xenexplore.site.api_pages import api_page
from xenexplore.site.catalogue_pages import ReleaseEntry, catalogue_pages, catalogue_release
from xenexplore.site.contributing_page import contributing_page
from xenexplore.site.design_pages import design_list, design_page
from xenexplore.site.folder import MARK, SCHEMA, new_folder
from xenexplore.site.jobs import Job, Progress, done_jobs
from xenexplore.site.notebook_pages import notebook_files, notebook_list, notebooks
from xenexplore.site.question_pages import front_page, question_page
from xenexplore.site.recording_pages import recording_list, recording_pages
from xenexplore.site.runs import ScenarioFacts, packed, scenario_files
from xenexplore.site.view_page import one_file_template, view_page

__all__ = ["SiteSize", "build_site"]

#: Files of the live half, as they are to lie in the site: names and bytes.
Engine = Mapping[str, bytes]
_ASSETS: Final = (
    "catalogue.js", "front.js", "links.js", "notebook.js", "runs.js", "share.js",
    "site.css", "site.js", "texts.js", "view.js",
)  # fmt: skip
_LIVE_ASSETS: Final = ("live.js", "unpack.js", "worker.js")


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteSize:
    """Size of the files written.

    Attributes:
        files: how many.
        size: bytes of them.
        live: bytes among them of the half that runs scenarios; 0 if it was left out.
        runs: how many runs it steps through.
    """

    files: int
    size: int
    live: int
    runs: int


def build_site(
    folder: str | os.PathLike[str],
    *,
    scenarios: Iterable[str] = (),
    limit: int | None = None,
    builtins: Sequence[str] | None = None,
    recordings: Sequence[str] = BUILT_INS,
    books: Iterable[Path] | None = None,
    engine: Engine | None = None,
    progress: Progress | None = None,
) -> SiteSize:
    """Write a site, whole or not at all.

    Args:
        folder: where; new, empty, or a site that was made before.
        scenarios: the user's files, in addition to the built-ins.
        limit: most bytes of such a file; None for 4 MiB.
        builtins: names of built-in scenarios; None: all of them.
        recordings: names of recordings.
        books: saved notebooks; None: those that are shipped.
        engine: the files of the live half (:mod:`xenexplore.site.engine`), or None.
        progress: told of each part that is done.

    Raises:
        InputError: the folder holds something else, or an input is bad.
        OSError: a file cannot be read or written.
    """
    texts = [find_text(name) for name in (builtin_names() if builtins is None else builtins)]
    texts += [find_text(name, limit=limit) for name in scenarios]
    names = _names(texts)
    books = notebooks() if books is None else list(books)
    with new_folder(Path(folder)) as made:
        parts = _computed(texts, names, recordings, books, progress)
        files = dict(parts.files)
        live = engine is not None
        files |= {place: text.encode() for place, text in _pages(parts, live=live)}
        files |= _assets(engine)
        files["sw.js"] = _keeper(files)
        runs = sum(len(one.runs) for one in parts.scenarios)
        about = {"schema": SCHEMA, "version": __version__, "runs": runs, "live": live}
        files[MARK] = json.dumps(about).encode() + b"\n"
        for name, data in files.items():
            place = made / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
    return SiteSize(
        files=len(files),
        size=sum(map(len, files.values())),
        live=sum(len(data) for name, data in files.items() if name.startswith("engine/")),
        runs=runs,
    )


def _names(texts: Sequence[tuple[str, str]]) -> list[str]:
    """Names are addresses in a site: each once.  All texts are read before anything is run."""
    taken: dict[str, str] = {}
    for text, source in texts:
        name = parse_scenario(text, source).about.name
        if name in taken:
            raise ScenarioError(
                source, "name", expected="a name that is unique in the site",
                got=f"{name!r}, as in {taken[name]}",
            )  # fmt: skip
        taken[name] = source
    return list(taken)


@dataclass(frozen=True, slots=True)
class _Parts:
    """Contents that the pages are made from, and the files that are made already."""

    scenarios: list[ScenarioFacts]
    recordings: list[tuple[str, str]]
    notebooks: list[tuple[str, str]]
    catalogue: list[tuple[list[ReleaseEntry], str]]
    files: dict[str, bytes]


def _computed(
    texts: Sequence[tuple[str, str]],
    names: Sequence[str],
    recordings: Sequence[str],
    books: Sequence[Path],
    progress: Progress | None,
) -> _Parts:
    """Everything that takes time, on every processor."""
    known = frozenset(names)
    # The recordings first: they take longest.
    recorded = {("recording", one): Job(f"recording {one}", recording_pages, (one,))
                for one in recordings}  # fmt: skip
    run = {("run", name): Job(name, scenario_files, text)
           for name, text in zip(names, texts, strict=True)}  # fmt: skip
    beside = frozenset(path.stem for path in books)
    read = {("notebook", one.stem): Job(f"notebook {one.stem}", notebook_files,
                                        (one, known, beside))
            for one in books}  # fmt: skip
    listed = {("catalogue", one): Job(f"hypercalls of Xen {one}", catalogue_release, (one,))
              for one in RELEASES}  # fmt: skip
    pages = {("page", "api"): Job("API", api_page, ())}
    found = done_jobs({**recorded, **pages, **listed, **run, **read}, progress)
    files = {place: data for key in (*recorded, *read) for place, data in found[key][0].items()}
    for key in run:
        files |= {f"data/{place}": data for place, data in found[key][1].items()}
    files["api.html"] = found["page", "api"].encode()
    return _Parts(
        scenarios=[found[key][0] for key in run],
        recordings=[found[key][1] for key in recorded],
        notebooks=[found[key][1] for key in read],
        catalogue=[found[key] for key in listed],
        files=files,
    )


def _pages(parts: _Parts, *, live: bool) -> Iterator[tuple[str, str]]:
    facts = parts.scenarios
    questions = answers(facts)
    yield "index.html", front_page(questions, sum(len(one.runs) for one in facts))
    for question in questions:
        yield question.place, question_page(question)
    yield "designs/index.html", design_list()
    for option in OPTIONS.values():
        yield f"designs/{option.name}.html", design_page(option, questions)
    yield "scenarios.html", scenario_list(facts, questions)
    yield from catalogue_pages(parts.catalogue)
    yield "recordings/index.html", recording_list(parts.recordings)
    yield "notebooks/index.html", notebook_list(parts.notebooks)
    yield "contributing.html", contributing_page()
    yield "about.html", about_page(live=live)
    yield "view.html", view_page(facts, live=live)


def _assets(engine: Engine | None) -> dict[str, bytes]:
    names = (*_ASSETS, *(_LIVE_ASSETS if engine is not None else ()))
    files = {f"assets/{name}": _asset(name) for name in names}
    files["assets/stepper.js"] = web_module().encode()
    files["assets/stepper.css"] = web_style().encode()
    files["data/one-file.trace"] = packed(one_file_template(traces=False))
    files["data/one-comparison.trace"] = packed(one_file_template(traces=True))
    files |= {f"engine/{name}": data for name, data in (engine or {}).items()}
    return files


def _asset(name: str) -> bytes:
    return (resources.files("xenexplore.site") / "assets" / name).read_bytes()


def _keeper(files: Mapping[str, bytes]) -> bytes:
    """The service worker: its version is that of all that the site holds."""
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name}\0{len(files[name])}\0".encode() + files[name])
    at_once = sorted(name for name in files if not name.startswith("engine/"))
    later = sorted(name for name in files if name.startswith("engine/"))
    text = _asset("sw.js").decode()
    for slot, value in (
        ('"{{version}}"', digest.hexdigest()[:20]), ("{{files}}", at_once), ("{{later}}", later),
    ):  # fmt: skip
        assert text.count(slot) == 1, slot
        text = text.replace(slot, json.dumps(value))
    return text.encode()

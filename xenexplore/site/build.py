"""Write a site: run what it shows, make its pages, put the folder in its place."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final

from xenexplore import __version__
from xenexplore.errors import ScenarioError
from xenexplore.options.registry import OPTIONS
from xenexplore.recording.format.stream import BUILT_INS
from xenexplore.render.web.page import web_module, web_style
from xenexplore.scenario.library.builtin import builtin_names, find_text
from xenexplore.scenario.text.loader import parse_scenario
from xenexplore.site.about_page import about_page, scenario_list
from xenexplore.site.answers import answers
from xenexplore.site.catalogue_pages import catalogue_pages
from xenexplore.site.design_pages import design_list, design_page
from xenexplore.site.folder import MARK, SCHEMA, new_folder
from xenexplore.site.question_pages import front_page, question_page
from xenexplore.site.recording_pages import recording_list, recording_pages
from xenexplore.site.runs import ScenarioFacts, packed, scenario_files
from xenexplore.site.view_page import one_file_template, view_page

__all__ = ["SiteSize", "build_site"]

Progress = Callable[[int, int, str], None]
"""Called with (done, of how many, what was done)."""

#: Files of the live half, as they are to lie in the site: names and bytes.
Engine = Mapping[str, bytes]
_ASSETS: Final = ("catalogue.js", "front.js", "links.js", "site.css", "site.js", "view.js")
_LIVE_ASSETS: Final = ("live.js", "unpack.js", "worker.js")


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteSize:
    """What was written.

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
        engine: the files of the live half (:mod:`xenexplore.site.engine`), or None.
        progress: told of each part that is done.

    Raises:
        InputError: the folder holds something else, or an input is bad.
        OSError: a file cannot be read or written.
    """
    texts = [find_text(name) for name in (builtin_names() if builtins is None else builtins)]
    texts += [find_text(name, limit=limit) for name in scenarios]
    _check_names(texts)
    with new_folder(Path(folder)) as made:
        facts, listed, files = _computed(texts, recordings, progress)
        files |= _pages(facts, listed, live=engine is not None)
        files |= _assets(engine)
        files["sw.js"] = _keeper(files)
        runs = sum(len(one.runs) for one in facts)
        about = {"schema": SCHEMA, "version": __version__, "runs": runs, "live": engine is not None}
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


def _check_names(texts: Sequence[tuple[str, str]]) -> None:
    """Names are addresses in a site: each once.  All texts are read before anything is run."""
    taken: dict[str, str] = {}
    for text, source in texts:
        name = parse_scenario(text, source).about.name
        if name in taken:
            raise ScenarioError(
                source, "name", expected="a name that no other scenario of the site has",
                got=f"{name!r}, as in {taken[name]}",
            )  # fmt: skip
        taken[name] = source


def _computed(
    texts: Sequence[tuple[str, str]], recordings: Sequence[str], progress: Progress | None
) -> tuple[list[ScenarioFacts], list[tuple[str, str]], dict[str, bytes]]:
    """Runs and recordings, on every processor."""
    facts: dict[int, ScenarioFacts] = {}
    listed: dict[str, tuple[str, str]] = {}
    parts: dict[str, dict[str, bytes]] = {}
    with ProcessPoolExecutor() as pool:
        # The recordings first: they take longest.
        waiting: dict[Future[Any], str] = {
            pool.submit(recording_pages, name): f"recording {name}" for name in recordings
        }
        numbers: dict[Future[Any], int] = {}
        for number, (text, source) in enumerate(texts):
            future: Future[Any] = pool.submit(scenario_files, text, source)
            waiting[future], numbers[future] = source.removesuffix(".toml"), number
        try:
            for done, future in enumerate(as_completed(waiting), 1):
                found, files = future.result()
                if future in numbers:
                    facts[numbers[future]] = found
                    parts[waiting[future]] = {f"data/{name}": data for name, data in files.items()}
                else:
                    listed[files[0]], parts[waiting[future]] = files, found
                if progress:
                    progress(done, len(waiting), waiting[future])
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    together = {name: data for what in waiting.values() for name, data in parts[what].items()}
    ordered = [facts[number] for number in sorted(facts)]
    return ordered, [listed[name] for name in recordings], together


def _pages(
    facts: Sequence[ScenarioFacts], listed: Sequence[tuple[str, str]], *, live: bool
) -> dict[str, bytes]:
    return {place: text.encode() for place, text in _page_texts(facts, listed, live=live)}


def _page_texts(
    facts: Sequence[ScenarioFacts], listed: Sequence[tuple[str, str]], *, live: bool
) -> Iterator[tuple[str, str]]:
    questions = answers(facts)
    yield "index.html", front_page(questions, sum(len(one.runs) for one in facts))
    for question in questions:
        yield question.place, question_page(question)
    yield "designs/index.html", design_list()
    for option in OPTIONS.values():
        yield f"designs/{option.name}.html", design_page(option, questions)
    yield "scenarios.html", scenario_list(facts, questions)
    yield from catalogue_pages()
    yield "recordings/index.html", recording_list(listed)
    yield "about.html", about_page(live=live)
    yield "view.html", view_page(facts, live=live)


def _assets(engine: Engine | None) -> dict[str, bytes]:
    names = (*_ASSETS, *(_LIVE_ASSETS if engine is not None else ()))
    files = {f"assets/{name}": _asset(name) for name in names}
    files["assets/stepper.js"] = web_module().encode()
    files["assets/stepper.css"] = web_style().encode()
    files["data/one-file.trace"] = packed(one_file_template())
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

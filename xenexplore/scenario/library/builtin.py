"""The built-in library: scenarios that come with the package, one text each."""

from __future__ import annotations

import difflib
from functools import cache
from importlib import resources
from pathlib import Path

from xenexplore.display import Shown
from xenexplore.errors import ScenarioError
from xenexplore.files import shown_name
from xenexplore.scenario.model.scenario import Scenario
from xenexplore.scenario.text.loader import parse_scenario, scenario_text

__all__ = [
    "ScenarioList",
    "builtin_names",
    "builtin_text",
    "find_scenario",
    "find_text",
    "is_builtin",
    "load_builtin",
    "names_file",
]

_SUFFIX = ".toml"


class ScenarioList(tuple[str, ...], Shown):
    """Names of built-in scenarios; as text with their questions and titles."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<ScenarioList: {', '.join(self)}>"


def builtin_names() -> ScenarioList:
    """Names of the built-in scenarios, sorted.

    >>> "evtchn-send-from-stack" in builtin_names()
    True
    """
    folder = resources.files("xenexplore.scenario") / "library"
    files = (entry.name for entry in folder.iterdir())
    return ScenarioList(
        sorted(name.removesuffix(_SUFFIX) for name in files if name.endswith(_SUFFIX))
    )


def builtin_text(name: str) -> str:
    """The text of a built-in scenario.

    Raises:
        ScenarioError: there is none of that name; names the nearest.
    """
    known = builtin_names()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
        raise ScenarioError(
            name, "", expected="a file, a built-in scenario's name, or -", got="none of these",
            hint=f"did you mean {near[0]!r}?" if near else "see xenexplore scenario list",
        )  # fmt: skip
    folder = resources.files("xenexplore.scenario") / "library"
    return (folder / f"{name}{_SUFFIX}").read_text(encoding="utf-8")


def load_builtin(name: str) -> Scenario:
    """A built-in scenario.

    Raises:
        ScenarioError: there is none of that name, or its text is malformed.
    """
    return parse_scenario(builtin_text(name), f"{name}{_SUFFIX}")


@cache
def _known(name: str) -> Scenario | None:
    return load_builtin(name) if name in builtin_names() else None


def is_builtin(scenario: Scenario) -> bool:
    """Whether a scenario says just what the built-in of its name says."""
    return _known(scenario.about.name) == scenario


def find_text(word: str, *, limit: int | None = None) -> tuple[str, str]:
    """A scenario's text, and what it is called in messages; as :func:`find_scenario` finds it.

    Raises:
        ScenarioError: there is no such scenario, or its text cannot be read.
        OSError: the file cannot be read.
    """
    if names_file(word, (_SUFFIX,)):
        return scenario_text(word, limit=limit), shown_name(word)
    return builtin_text(word), f"{word}{_SUFFIX}"


def names_file(word: str, suffixes: tuple[str, ...]) -> bool:
    """Whether a word is a file's, or ``"-"``, and not a built-in's name.

    What has a slash or ends in one of ``suffixes`` is a file; else a built-in's name
    comes before a file of that name.
    """
    if word == "-" or "/" in word or word.endswith(suffixes):
        return True
    return word not in builtin_names() and Path(word).is_file()


def find_scenario(word: str, *, limit: int | None = None) -> Scenario:
    """A scenario as the command line names it: a built-in, a file, or ``"-"`` (standard input).

    What looks like a path (has a slash or ends in ``.toml``) is a file; else a
    built-in's name comes before a file of that name.

    Args:
        word: which scenario.
        limit: maximum bytes of a file's text; None for 4 MiB.

    Raises:
        ScenarioError: there is no such scenario, or it is malformed.
        OSError: the file cannot be read.

    >>> find_scenario("straddle").about.title
    '48 bytes at page offset 4080: two pages, two unrelated frames'
    """
    text, source = find_text(word, limit=limit)
    return parse_scenario(text, source, folder=str(Path(source).parent))

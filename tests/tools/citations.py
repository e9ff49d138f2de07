"""Every citation of Xen's source in the package, and the list that they are held to.

The package does not need Xen's source tree, and nor do its tests:
``data/citations.txt`` holds what was looked up in the trees.  To look
everything up again, with the tree of every release of the catalogue checked out::

    python tests/tools/citations.py 4.17=PATH/TO/xen-4.17.7 4.18=PATH/TO/xen-4.18.6 ...

It writes the list anew from what it finds, and prints what is cited but not there.  A
source of the catalogue is looked up in every release for which it stands.
"""

from __future__ import annotations

import ast
import functools
import re
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

from xenexplore.hypercalls.catalogue.at_release import at_release
from xenexplore.hypercalls.catalogue.entries import numbers
from xenexplore.hypercalls.releases import READ, RELEASES, Releases

ROOT = Path(__file__).resolve().parents[2] / "xenexplore"
LIST = Path(__file__).resolve().parents[1] / "data" / "citations.txt"

_PATH = r"(?:xen/(?:arch|common|drivers|include|lib)|docs)/[\w./-]+\.(?:c|h|S|rst|pandoc)\b"
_NAMED = re.compile(rf"\b(\w+)\(\)(?:`*,?\s+(?:in\s+)?\(?)({_PATH})")
_ALONE = re.compile(r"\b" + _PATH)
_VERSION = re.compile(r"|".join(re.escape(release) for release in RELEASES[1:]))


class Citation(NamedTuple):
    """A symbol (or ``""``: the file as such) of a file of one version of Xen."""

    version: str
    path: str
    symbol: str


@functools.cache
def collect() -> dict[Citation, list[str]]:
    """Every citation, with the files of the package where it stands."""
    found: dict[Citation, list[str]] = {}
    for file in sorted(ROOT.rglob("*")):
        if file.suffix not in (".py", ".toml", ".md"):
            continue
        text = file.read_text(encoding="utf-8")
        prose = re.sub(r"^sources = .*$", "", text, flags=re.MULTILINE)
        cited = _of_text(prose if file.suffix == ".toml" else text)
        if file.suffix == ".py":
            cited |= _of_calls(ast.parse(text))
        elif file.suffix == ".toml":
            table = tomllib.loads(text)
            for release in RELEASES:
                if "number" in table and table["number"] not in numbers(release):
                    continue
                cited |= _of_sources(at_release(table, release, str(file)), release)
        for citation in cited:
            found.setdefault(citation, []).append(str(file.relative_to(ROOT)))
    return found


def _of_calls(tree: ast.Module) -> set[Citation]:
    """Calls of ``xen(path, symbol[, version])``."""
    cited = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "xen":
            words = [ast.literal_eval(argument) for argument in node.args]
            version = words[2] if len(words) > 2 else "4.17"
            cited.add(Citation(version, words[0], words[1]))
    return cited


def _of_sources(value: object, release: str) -> set[Citation]:
    """The catalogue's ``sources = ["path: symbol, symbol"]`` of a release, at any depth."""
    cited: set[Citation] = set()
    if isinstance(value, dict) and not Releases.read(value, "", "").holds(release):
        return cited
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "sources":
                for source in item:
                    path, _, symbols = source.partition(":")
                    for symbol in symbols.split(",") if symbols else [""]:
                        cited.add(Citation(release, path.strip(), symbol.strip()))
            else:
                cited |= _of_sources(item, release)
    elif isinstance(value, list):
        for item in value:
            cited |= _of_sources(item, release)
    return cited


def _of_text(text: str) -> set[Citation]:
    """Files named in prose, and the functions that are named with them."""
    plain = re.sub(r"\n\s*#?:?\s*", "\n", text)
    cited = set()
    for match in _NAMED.finditer(plain):
        cited.add(Citation(_version_after(plain, match.end()), match[2], match[1]))
    for match in _ALONE.finditer(plain):
        cited.add(Citation(_version_after(plain, match.end()), match[0], ""))
    return cited


def _version_after(text: str, end: int) -> str:
    found = _VERSION.search(text[end : end + 24].partition(";")[0])
    return found[0] if found else RELEASES[0]


def read_list() -> set[Citation]:
    """The shipped list."""
    lines = LIST.read_text(encoding="ascii").splitlines()
    rows = [[*line.split(" "), ""] for line in lines if line and not line.startswith("#")]
    return {
        Citation(release, row[1], row[2])
        for row in rows
        for release in RELEASES
        if (Releases.parse(row[0]).holds(release) if ".." in row[0] else release == row[0])
    }


def _lines(citations: list[Citation]) -> list[str]:
    """One line for each run of releases that have it."""
    versions: dict[tuple[str, str], list[int]] = {}
    for version, path, symbol in citations:
        versions.setdefault((path, symbol), []).append(RELEASES.index(version))
    lines = []
    for (path, symbol), at in sorted(versions.items()):
        at.sort()
        first = at[0]
        for here, following in zip(at, [*at[1:], -1], strict=True):
            if following != here + 1:
                run = RELEASES[first : here + 1]
                span = run[0] if len(run) == 1 else f"{run[0]}..{run[-1]}"
                lines.append(f"{span} {path} {symbol}".rstrip() + "\n")
                first = following
    return lines


def _holds(tree: Path, citation: Citation) -> bool:
    file = tree / citation.path
    if not file.is_file():
        return False
    text = file.read_text(encoding="utf-8", errors="replace")
    word = rf"(?<!\w){re.escape(citation.symbol)}(?!\w)"
    return not citation.symbol or bool(re.search(word, text))


_HEAD = """\
# Citations of Xen's source in this package, each looked up in that source:
# releases, path, and a symbol that occurs there as a word (none: the file).
# Made by tests/tools/citations.py, from the trees of Xen
{trees}
# tests/repo/test_citations.py holds the package to this list.
"""


def main(words: list[str]) -> int:
    """Look everything up in the trees; write the list; say what is not there."""
    trees = {version: Path(path) for version, _, path in (w.partition("=") for w in words)}
    found = collect()
    there = sorted(c for c in found if c.version in trees and _holds(trees[c.version], c))
    read = "\n".join(f"# {version}: {READ[version]}" for version in trees)
    LIST.write_text(_HEAD.format(trees=read) + "".join(_lines(there)), "ascii")
    missing = sorted(set(found) - set(there))
    for citation in missing:
        print("not there:", *citation, "in", *found[citation])
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

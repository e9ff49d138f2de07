"""Every citation of Xen's source in the package, and the list that they are held to.

The package does not need Xen's source tree, and nor do its tests:
``data/citations.txt`` holds what was looked up in the trees.  To look
everything up again, with the trees checked out::

    python tests/tools/citations.py 4.17=PATH/TO/xen-4.17.7 4.18=PATH/TO/xen-4.18

It writes the list anew from what it finds, and prints what is cited but not there.
"""

from __future__ import annotations

import ast
import functools
import re
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2] / "xenexplore"
LIST = Path(__file__).resolve().parents[1] / "data" / "citations.txt"

_PATH = r"(?:xen/(?:arch|common|drivers|include|lib)|docs)/[\w./-]+\.(?:c|h|S|rst|pandoc)\b"
_NAMED = re.compile(rf"\b(\w+)\(\)(?:`*,?\s+(?:in\s+)?\(?)({_PATH})")
_ALONE = re.compile(r"\b" + _PATH)
_VERSION = re.compile(r"4\.18")


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
        cited = _of_text(text)
        if file.suffix == ".py":
            cited |= _of_calls(ast.parse(text))
        elif file.suffix == ".toml":
            cited |= _of_sources(tomllib.loads(text))
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


def _of_sources(value: object) -> set[Citation]:
    """The catalogue's ``sources = ["path: symbol, symbol"]``, at any depth."""
    cited: set[Citation] = set()
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "sources":
                for source in item:
                    path, _, symbols = source.partition(":")
                    for symbol in symbols.split(",") if symbols else [""]:
                        cited.add(Citation("4.17", path.strip(), symbol.strip()))
            else:
                cited |= _of_sources(item)
    elif isinstance(value, list):
        for item in value:
            cited |= _of_sources(item)
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
    return "4.18" if _VERSION.search(text[end : end + 24].partition(";")[0]) else "4.17"


def read_list() -> set[Citation]:
    """The shipped list."""
    lines = LIST.read_text(encoding="ascii").splitlines()
    rows = [line for line in lines if line and not line.startswith("#")]
    return {Citation(*[*row.split(" "), ""][:3]) for row in rows}


def _holds(tree: Path, citation: Citation) -> bool:
    file = tree / citation.path
    if not file.is_file():
        return False
    text = file.read_text(encoding="utf-8", errors="replace")
    word = rf"(?<!\w){re.escape(citation.symbol)}(?!\w)"
    return not citation.symbol or bool(re.search(word, text))


_HEAD = """\
# Citations of Xen's source in this package, each looked up in that source:
# version, path, and a symbol that occurs there as a word (none: the file).
# Made by tests/tools/citations.py, from the trees of Xen
# {trees} (4.17 is 4.17.7, what was recorded; 4.18 is 4.18.0).
# tests/repo/test_citations.py holds the package to this list.
"""


def main(words: list[str]) -> int:
    """Look everything up in the trees; write the list; say what is not there."""
    trees = {version: Path(path) for version, _, path in (w.partition("=") for w in words)}
    found = collect()
    there = sorted(c for c in found if c.version in trees and _holds(trees[c.version], c))
    lines = [" ".join(c).rstrip() + "\n" for c in there]
    LIST.write_text(_HEAD.format(trees=", ".join(sorted(trees))) + "".join(lines), "ascii")
    missing = sorted(set(found) - set(there))
    for citation in missing:
        print("not there:", *citation, "in", *found[citation])
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

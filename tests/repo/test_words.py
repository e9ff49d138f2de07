"""No quaint word in what people read: docstrings, help, data texts, notebooks, the README."""

from __future__ import annotations

import ast
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FORBIDDEN = re.compile(
    r"\b(nobody|somebody|everybody|whoever|anew|perhaps|hence|thence|whence|lest|nought|betwixt"
    r"|thereof|hereby|at hand|out of reach|of yore|for want of"
    r"|frames? that do(?:es)? not follow|frames do not follow|one's own|without a word|of old"
    r"|what becomes of|(?:is|are) told|(?:goes|going) on (?:as|behind|with)|in one go"
    r"|look-ups?|set-ups?|back-ends?|by software|counted apart|small letters|what it holds"
    r"|in whose name|can(?:not)? be had|(?:comes?|came) to (?:its|their) end"
    r"|about (?:another )?vCPUs?|walks nothing|the digest's|lies (?:in|on|behind)|lying in"
    r"|(?<!there )(?<!that )(?:is|are) no (?!longer\b)(?=\w))\b",
    re.IGNORECASE,
)
FILES = [
    *sorted(ROOT.glob("xenexplore/**/*.py")),
    *sorted(ROOT.glob("xenexplore/**/*.toml")),
    *sorted(ROOT.glob("xenexplore/**/*.md")),
    *sorted(ROOT.glob("notebooks/*.py")),
    *sorted(ROOT.glob("examples/*.py")),
    *sorted(ROOT.glob("tests/**/README.md")),
    *sorted(ROOT.glob(".github/**/*.md")),
    ROOT / "README.md",
    ROOT / "pyproject.toml",
]


# Between words that one string or comment has side by side, as a module spells it.
_JOINT = re.compile(r"[\"']\s*[rbf]*[\"']|\\n|#")


def _read(path: Path) -> Iterator[str]:
    """What a person reads in a file: all of a text; strings and comments of a module."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        yield text
        return
    if not quaint(iter([text, _JOINT.sub("", text), _JOINT.sub(" ", text)])):
        return  # nothing that a closer look could find: parsing takes ten times as long
    # Whole strings: an implicit concatenation has its words side by side only here.
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
    with path.open("rb") as file:
        marks = tokenize.tokenize(file.readline)
        yield " ".join(m.string.lstrip("# ") for m in marks if m.type == tokenize.COMMENT)


def quaint(texts: Iterator[str]) -> list[str]:
    """Every forbidden word, also one that a line break divides."""
    return [found[0] for text in texts for found in FORBIDDEN.finditer(" ".join(text.split()))]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_words_are_plain(path: Path) -> None:
    assert quaint(_read(path)) == []


def test_a_quaint_word_would_be_found() -> None:
    texts = iter(["The error\nis silent.", "Nobody is told", "the step at\nhand", "hand", "anewer"])
    assert quaint(texts) == ["Nobody", "is told", "at hand"]
    plain = iter(["there is no stack", "it is no longer there", "that are no RAM"])
    assert quaint(plain) == []
    assert quaint(iter(["the frame is no\nRAM"])) == ["is no "]

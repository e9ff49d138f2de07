"""Every JSON document that a command prints has a name and a version."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from xenexplore import cli
from xenexplore.cli.documents import DOCUMENTS, as_line
from xenexplore.cli.main import main
from xenexplore.scenario.run.comparison import COMPARISON_SCHEMA
from xenexplore.scenario.run.trace import TRACE_SCHEMA

MODULES = sorted(Path(cli.__path__[0]).glob("*.py"))
# What is no document of a command: a manifest beside the notebooks, a JSON schema.
OTHERS = {"documents.py", "lab.py", "scenario.py"}


def calls(file: Path) -> Iterator[tuple[str, list[ast.expr]]]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node.args


def names(argument: ast.expr) -> set[str]:
    return {str(n.value) for n in ast.walk(argument) if isinstance(n, ast.Constant)}


def test_documents_are_those_that_the_commands_print() -> None:
    printed = {TRACE_SCHEMA, COMPARISON_SCHEMA}
    for file in MODULES:
        for called, arguments in calls(file):
            if called in ("print_record", "as_line", "_print") and arguments:
                printed |= {f"xenexplore.{n}/{DOCUMENTS[n]}" for n in names(arguments[0])}
    assert printed == {f"xenexplore.{name}/{version}" for name, version in DOCUMENTS.items()}


@pytest.mark.parametrize("file", MODULES, ids=lambda file: file.stem)
def test_nothing_else_makes_json(file: Path) -> None:
    made = [called for called, _ in calls(file) if called in ("json.dumps", "json.dump")]
    assert not made or file.name in OTHERS


@pytest.mark.parametrize(
    ("words", "document"),
    [
        ("run straddle", "trace"),
        ("compare straddle", "comparison"),
        ("options", "design"),
        ("hypercall event_channel_op send", "hypercall"),
        ("scenario list", "scenario"),
        ("scenario check straddle", "check"),
        ("figure straddle -o {tmp}/a.svg", "file"),
        ("lab --copy-only --dir {tmp}/lab", "lab"),
    ],
)
def test_lines_say_what_they_are(
    words: str, document: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words.format(tmp=tmp_path).split(), "--json"]) == 0
    out = capsys.readouterr().out
    whole = out.startswith('{"schema":"')  # laid out over lines: one document
    for record in [json.loads(out)] if whole else map(json.loads, out.splitlines()):
        assert next(iter(record)) == "schema"
        assert record["schema"] == f"xenexplore.{document}/{DOCUMENTS[document]}"


def test_an_unknown_document_is_refused() -> None:
    with pytest.raises(KeyError):
        as_line("nonesuch", {})

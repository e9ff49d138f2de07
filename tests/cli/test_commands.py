"""What holds for every command alike: asked of the parsers, so that none is forgotten."""

from __future__ import annotations

import argparse
import shutil
import subprocess
from pathlib import Path

import pytest

from xenexplore.cli import main as main_module
from xenexplore.cli.completion import attach
from xenexplore.cli.leaves import leaf_parsers
from xenexplore.cli.main import build_parser, main
from xenexplore.cli.man import man_page

PARSER = build_parser()
LEAVES = {leaf.prog: leaf for leaf in leaf_parsers(PARSER)}
PAGE = Path(main_module.__file__).with_name("xenexplore.1")


def options(parser: argparse.ArgumentParser) -> set[str]:
    return {name for action in parser._actions for name in action.option_strings}


@pytest.mark.parametrize("name", LEAVES)
def test_every_command_takes_json_and_unicode(name: str) -> None:
    assert {"--json", "--unicode"} <= options(LEAVES[name])


@pytest.mark.parametrize("name", LEAVES)
def test_every_command_that_reads_a_file_takes_a_limit(name: str) -> None:
    reads = {"scenario", "scenarios", "image", "recording", "recordings", "file"}
    if reads & {action.dest for action in LEAVES[name]._actions}:
        assert "--max-size" in options(LEAVES[name])


@pytest.mark.parametrize("size", ["0", "-5", "8X", "", "G", "1e9", "9" * 40])
def test_a_size_that_is_none_is_bad_usage(size: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "wrong-vcpu", "--max-size", size]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "--max-size" in err


def test_the_page_is_in_step_with_the_parsers() -> None:
    """Made by ``python -m xenexplore.cli.man > xenexplore/cli/xenexplore.1``."""
    page = man_page()
    assert PAGE.read_text(encoding="ascii") == page
    for name, leaf in LEAVES.items():
        assert f"\n.B {name.replace('-', chr(92) + '-')}\n" in page
        assert all(option.replace("-", "\\-") in page for option in options(leaf))


def test_the_page_is_clean_roff() -> None:
    linters = (
        ("groff", "-man", "-ww", "-Tascii", "-z"),
        ("mandoc", "-T", "lint", "-W", "warning"),
    )
    for command in linters:
        if shutil.which(command[0]):
            done = subprocess.run([*command, PAGE], capture_output=True, text=True, check=False)
            assert (done.stdout, done.stderr) == ("", "")
    lines = PAGE.read_text(encoding="ascii").splitlines()
    known = {"TH", "SH", "SS", "TP", "PP", "B", "I", "RI"}
    assert {line[1:].split()[0] for line in lines if line.startswith(".")} <= known
    assert not [line for line in lines if line.startswith("'") or line != line.rstrip()]


def completed(line: str) -> list[str]:
    """What argcomplete offers at the end of a line."""
    from argcomplete import CompletionFinder
    from argcomplete.lexers import split_line

    named = line.split()[1] if len(line.split()) > 1 else ""
    parser = build_parser(named if named in {n for n, _, _ in main_module.COMMANDS} else "")
    attach(parser)
    _, prefix, _, words, colon = split_line(line, len(line))
    finder = CompletionFinder(parser, always_complete_options=False)
    return finder._get_completions(words, prefix, "", colon)


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("xenexplore sc", "scenario"),
        ("xenexplore scenario fr", "from-recording"),
        ("xenexplore run wrong-v", "wrong-vcpu"),
        ("xenexplore run wrong-vcpu --option softw", "software-tlb"),
        ("xenexplore run wrong-vcpu --vi", "--view"),
        ("xenexplore run wrong-vcpu --view regi", "registered"),
        ("xenexplore hypercall memory_o", "memory_op"),
        ("xenexplore hypercall memory_op populate_p", "populate_physmap"),
        ("xenexplore report pvh-c", "pvh-callers"),
        ("xenexplore recording info pvh-c", "pvh-callers"),
        ("xenexplore options giant", "giant-map"),
    ],
)
def test_completion(line: str, wanted: str) -> None:
    assert wanted in [word.strip() for word in completed(line)]


def test_a_shell_gets_what_it_evaluates(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--completion", "bash"]) == 0
    code = capsys.readouterr().out
    assert "xenexplore" in code
    done = subprocess.run(["bash", "-n"], input=code, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")

"""Standard input, output and error as they may be: no traceback, whatever they are."""

from __future__ import annotations

import errno
import io
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from xenexplore.cli import diagnostics, printing
from xenexplore.cli.main import main

COMMAND = f'"{sys.executable}" -m xenexplore'


def shell(line: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["/bin/bash", "-o", "pipefail", "-c", line.replace("xenexplore", COMMAND, 1)],
        capture_output=True, check=False, env={**os.environ, **environment},
    )  # fmt: skip


@pytest.mark.parametrize("line", ["--help", "run --help", "--version", "options"])
def test_a_reader_that_reads_nothing(line: str) -> None:
    done = shell(f"xenexplore {line} | true")
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("line", ["--help", "options", "hypercall --list --json"])
@pytest.mark.parametrize(
    ("output", "said"),
    [(">&-", os.strerror(errno.EBADF)), (">/dev/full", os.strerror(errno.ENOSPC))],
)
def test_output_that_takes_nothing(line: str, output: str, said: str) -> None:
    done = shell(f"xenexplore {line} {output}")
    told = done.stderr.decode()
    assert done.returncode == 2
    assert told.count("\n") == 1
    assert told.startswith("xenexplore: standard output: ")
    assert said in told or "closed" in told


def test_a_full_disk_is_named() -> None:
    done = shell("xenexplore html wrong-vcpu -o /dev/full")
    told = done.stderr.decode()
    assert (done.returncode, done.stdout, told.count("\n")) == (2, b"", 1)
    assert told == f"xenexplore: /dev/full: {os.strerror(errno.ENOSPC)}\n"


@pytest.mark.parametrize("where", ["2>&-", "2>/dev/full"])
@pytest.mark.parametrize("line", ["run nonesuch", "nonesuch", "run --nonesuch"])
def test_errors_that_cannot_be_written(line: str, where: str) -> None:
    done = shell(f"xenexplore {line} {where}")
    assert (done.returncode, done.stdout) == (2, b"")


def test_what_standard_error_did_not_take_is_dropped(monkeypatch) -> None:
    """Python 3.11.2 flushes it once more while it exits, and fails with 120; later ones do not."""
    with open("/dev/full", "w", encoding="utf-8") as full:
        monkeypatch.setattr("sys.stderr", full)
        diagnostics.tell("a line")
        full.flush()


def test_box_characters_that_the_terminal_has_not() -> None:
    plain = shell("xenexplore options", PYTHONIOENCODING="ascii")
    asked = shell("xenexplore options --unicode", PYTHONIOENCODING="ascii")
    assert (plain.returncode, plain.stderr) == (0, b"")
    assert (asked.returncode, asked.stdout) == (0, plain.stdout)
    assert asked.stderr.count(b"\n") == 1
    assert b"standard output is ascii, which has no box characters" in asked.stderr


def test_documents_are_utf8_whatever_the_terminal_is() -> None:
    done = shell("xenexplore scenario list --json", PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert done.stdout == shell("xenexplore scenario list --json", PYTHONIOENCODING="utf-8").stdout
    done.stdout.decode("utf-8")


def test_latin1_on_standard_input(capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    text = 'name = "x"\ntitle = "M\xfcller"\n'.encode("latin-1")
    for words in (["run", "-"], ["compare", "-"], ["scenario", "check", "-"]):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text), "utf-8"))
        assert main(words) == 2
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert "standard input: line 2 (byte 21): expected a scenario in UTF-8" in err
        assert "got the byte 0xfc" in err
        assert "iconv" in err


INTERRUPTED = """
import builtins, os, signal
from xenexplore import __main__
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
real = builtins.__import__
def importing(name, *rest):
    if name == "argparse":
        os.kill(os.getpid(), signal.SIGINT)
    return real(name, *rest)
builtins.__import__ = importing
__main__.command()
"""


def test_ctrl_c_while_modules_are_imported() -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, b"", b"")


def test_ctrl_c_while_a_command_runs(capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    def interrupted(_args: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("xenexplore.cli.options.run", interrupted)
    assert main(["options"]) == 130
    assert capsys.readouterr() == ("", "")


@pytest.fixture
def terminal():
    master, slave = pty.openpty()
    with open(slave, "w", encoding="utf-8") as stream:
        yield stream
    os.close(master)


@pytest.mark.parametrize(
    ("term", "no_color", "output_is_terminal", "shown"),
    [
        ("xterm", "", False, True),
        ("xterm", "1", True, True),
        ("xterm", "1", False, False),
        ("dumb", "", True, False),
        ("", "", True, False),
    ],
)
def test_progress_bars(term, no_color, output_is_terminal, shown, terminal, monkeypatch) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setattr("sys.stdout", terminal if output_is_terminal else io.StringIO())
    assert printing.shows_progress(terminal) is shown
    assert not printing.shows_progress(io.StringIO())


def test_a_file_that_unfolds_without_end_is_refused_at_its_first_bytes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import zstandard

    machine = zstandard.ZstdCompressor().compressobj()
    path = tmp_path / "bomb.zst"
    path.write_bytes(
        b"".join(machine.compress(bytes(1 << 20)) for _ in range(2048)) + machine.flush()
    )
    assert path.stat().st_size < 1 << 18
    for line, said in (
        ("walk FILE 0", "expected an ELF core, page-table pages"),
        ("map FILE", "expected an ELF core, page-table pages"),
        ("walk --raw FILE 0 --cr3 0 --max-size 1G", "expected at most 1 GiB when decompressed"),
        ("recording info FILE", "line 1"),
        ("recording explain FILE", "line 1"),
        ("replay FILE", "line 1"),
        ("report FILE", "line 1"),
        ("recording info pvh-callers --symbols FILE", "line 1"),
        ("scenario show FILE", "expected at most 4 MiB when decompressed"),
        ("run FILE", "expected at most 4 MiB when decompressed"),
        ("report pvh-callers --costs FILE", "expected at most 4 MiB when decompressed"),
    ):
        words = [f"{path}" if word == "FILE" else word for word in line.split()]
        assert main(words) == 2, line
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1), line
        assert said in err, err

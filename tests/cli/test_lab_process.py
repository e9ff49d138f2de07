"""``xenexplore lab`` as a process: its signals, its end, and that nothing outlives it.

JupyterLab is played by a small server with one "kernel" in a session of its
own.  Both hold the launcher's standard error open, so that its end of file
tells, without waiting and looking, that all of them are gone.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from xenexplore.cli.server_process import _descendants

FAKE = """
import http.server, os, signal, subprocess, sys

class LabApp:
    @staticmethod
    def launch_instance(words):
        if os.environ.get("FAKE") == "fails":
            sys.exit("no such template")
        if os.environ.get("FAKE") == "slow":
            print("starting", file=sys.stderr, flush=True)
            signal.pause()
        kernel = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"],
                                  start_new_session=True)
        def stop(*_):
            kernel.kill()
            kernel.wait()
            os._exit(0)
        if os.environ.get("FAKE") == "deaf":
            signal.signal(signal.SIGTERM, lambda *_: print("deaf", file=sys.stderr, flush=True))
        else:
            signal.signal(signal.SIGTERM, stop)
        port = next(int(word.partition("port=")[2]) for word in words if "ServerApp.port=" in word)
        class Quiet(http.server.SimpleHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.end_headers()
            def log_message(self, *_):
                pass
        http.server.HTTPServer(("127.0.0.1", port), Quiet).serve_forever()
"""


@pytest.fixture
def launch(tmp_path: Path):
    package = tmp_path / "fake" / "jupyterlab"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("", encoding="utf-8")
    (package / "labapp.py").write_text(FAKE, encoding="utf-8")
    started: list[subprocess.Popen[str]] = []

    def start(fake: str = "", *words: str) -> subprocess.Popen[str]:
        path = os.pathsep.join((str(tmp_path / "fake"), os.environ.get("PYTHONPATH", "")))
        command = [sys.executable, "-m", "xenexplore", "lab", "--no-browser", "--json", *words]
        started.append(
            subprocess.Popen(
                [*command, "--dir", str(tmp_path / "mine")],
                env={**os.environ, "PYTHONPATH": path, "FAKE": fake, "HOME": str(tmp_path / "no")},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                process_group=0,
            )
        )
        return started[-1]

    yield start
    for process in started:  # where a test failed, a server may not listen to its launcher's end
        for pid in _descendants(process.pid):
            os.kill(pid, signal.SIGKILL)
        process.kill()
        process.communicate()


def address_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    copied, answers = (json.loads(process.stdout.readline()) for _ in range(2))
    assert len(copied["written"]) > 5
    return str(answers["address"])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_all_of_it(launch, number: signal.Signals) -> None:
    process = launch("", "--verbose")
    assert address_of(process).startswith("http://127.0.0.1:")
    process.send_signal(number)
    out, err = process.communicate()  # returns once nobody holds the streams open
    assert (process.returncode, out, err) == (128 + number, "", "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_launcher_that_dies_takes_the_server_along(launch, number: signal.Signals) -> None:
    process = launch("", "--verbose")
    address_of(process)
    process.send_signal(number)
    process.communicate()
    assert process.returncode in (-number, 128 + number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_also_while_the_server_starts(launch, number: signal.Signals) -> None:
    process = launch("slow", "--verbose")
    assert process.stderr.readline() == "starting\n"
    process.send_signal(number)
    out, err = process.communicate()
    assert process.returncode in (-number, 128 + number)
    assert "address" not in out
    assert err == ""


def test_a_second_signal_kills_a_server_that_does_not_listen(launch) -> None:
    process = launch("deaf", "--verbose")
    address_of(process)
    process.send_signal(signal.SIGTERM)
    assert process.stderr.readline() == "deaf\n"
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert process.returncode == 128 + signal.SIGTERM


def test_a_server_that_does_not_start_is_told_with_its_last_words(launch) -> None:
    process = launch("fails")
    out, err = process.communicate()
    assert process.returncode == 2
    assert "address" not in out
    first, last = err.splitlines()
    assert first == "no such template"
    assert last.startswith("xenexplore: JupyterLab: expected an answer on port ")

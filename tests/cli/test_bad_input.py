"""Bad input to every command: one line on standard error, status 2, nothing on output.

Beside this, each command's own tests say what the line should tell.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from xenexplore.cli.main import COMMANDS, main

RECORDING = Path(__file__).resolve().parents[1].parent / "xenexplore/recording/data/pvh.jsonl.zst"
IMAGE = Path(__file__).resolve().parents[1] / "data/images/plain-96-kaslr/ptpages.bin.zst"

# What each command does with a file, and what it must not write.
WITH_FILE = (
    "walk FILE 0",
    "map FILE",
    "recording info --strict FILE",
    "recording explain --strict FILE",
    "scenario show FILE",
    "scenario check FILE",
    "scenario from-recording FILE 0",
    "run FILE",
    "compare FILE",
    "figure FILE -o OUT.svg",
    "html FILE -o OUT.html",
    "site --no-live --scenario FILE -o OUT.site",
    "reply FILE --option O7 -o OUT.txt",
    "reply straddle --edited FILE --figure -o OUT.eml",
    "replay FILE",
    "report FILE",
    "sweep FILE --workers 1",
    "report pvh --costs FILE",
    "recording info pvh --symbols FILE",
    "recording convert pvh-boot -o OUT.jsonl --header FILE",
)
FILES = ("missing", "folder", "junk", "junk.zst", "tiny.zst", "text")

WORDS = (
    # walk and map
    "walk IMAGE 0x123456789012345678901234567890",
    "walk IMAGE 8000000000000",
    "walk IMAGE fffg",
    "walk IMAGE 0 --cr3 zzz",
    "walk IMAGE 0 --cr3 fffffffffffff000",
    "walk IMAGE 0 --vcpu 99999999999999999999",
    "walk IMAGE 0 --vcpu -1",
    "walk --raw FOLDER/text --cr3 1000 0",
    "map IMAGE --cr3 -1",
    # hypercall and options
    "hypercall nonesuch",
    "hypercall memory_op nonesuch",
    "hypercall 99999999999999999999",
    "hypercall --list event_channel_op",
    "options O99",
    "options software_tlb_",
    # designs
    "trial nonesuch",
    "trial FOLDER/text:Design",
    "trial linear-walk -n -1",
    # scenarios
    "run wrong-vcpu --step 99999999999999999999999",
    "run wrong-vcpu --step -1",
    "run wrong-vcpu --option nonesuch",
    "compare wrong-vcpuu",
    "scenario show nonesuch",
    "scenario check nonesuch",
    "scenario from-recording pvh -5",
    "scenario from-recording pvh 99999999999999999999999",
    "scenario from-recording pvh 1 --domain dom9",
    "figure wrong-vcpu -o OUT.gif",
    "figure wrong-vcpu -o FOLDER/nowhere/OUT.svg",
    "figure wrong-vcpu --step -3 -o OUT.svg",
    "html wrong-vcpu --option nonesuch -o OUT.html",
    "html wrong-vcpu -o FOLDER",
    # mails
    "reply straddle",
    "reply straddle --option nonesuch",
    "reply straddle --option O7 --width 9",
    "reply straddle --option O7 --figure pdf",
    "reply straddle --option O7 -o FOLDER",
    "thread FOLDER/none",
    "thread FOLDER",
    "run straddle#2",
    # recordings
    "recording info FOLDER/bad.jsonl",
    "recording info pvh --symbols FOLDER/cut-symbols.zst",
    "recording convert pvh-boot -o OUT.jsonl --header FOLDER/bad.jsonl",
    "record",
    "record arm -o OUT.jsonl",
    "record pvh -o OUT.jsonl --kernel FOLDER/none",
    "record pvh",
    "record pvh -o OUT.jsonl --vcpus 99",
    "record pvh -o OUT.jsonl --backends tape",
    "record pvh -o OUT.jsonl --folder FOLDER/empty",
    "sweep pvh --entries 0",
    "sweep pvh --entries 99999999999999999999",
    "sweep pvh --workers 0",
    # usage
    "",
    "nonesuch",
    "run",
    "walk",
    "scenario",
    "scenario lst",
    "recording info",
    "run a --nonesuch",
    "replay pvh more",
    "lab --nonesuch",
    "sweep pvh --policy random",
    "walk IMAGE 0 --vcpu one",
)

HEAD = 'name = "x"\ntitle = "X"\n'
BUFFER = (
    '[[buffer]]\nname = "b"\nplace = "kmalloc"\nstruct = "evtchn_send"\nfields = { port = 5 }\n'
)
SEND = '[[action]]\ndo = "call"\nhypercall = "event_channel_op send"\nwith = { arg = "@b" }\n'
GOOD = HEAD + BUFFER + SEND
TLB = GOOD + '[[option]]\nuse = "software-tlb"\n'


def fixed(name: str, address: str, frames: str, size: int = 64) -> str:
    return (
        f'[[buffer]]\nname = "{name}"\nplace = "fixed"\naddress = "{address}"\n'
        f"frames = [{frames}]\nsize = {size}\n"
    )


# Scenarios that read as TOML and mean nothing that a machine could do.
SCENARIOS = {
    "empty": "",
    "nested too deeply": HEAD + "question = " + "[" * 5000 + "]" * 5000 + "\n",
    "title steers the terminal": 'name = "x"\ntitle = "\\u001b[31mred"\n' + BUFFER + SEND,
    "title of two lines": 'name = "x"\ntitle = "a\\nb"\n' + BUFFER + SEND,
    "buffers overlap": HEAD
    + fixed("p", "0xffffc90000100000", '"0x6bf7"')
    + fixed("q", "0xffffc90000100020", '"0x6bf8"'),
    "address is not canonical": HEAD + fixed("p", "0x0000900000100000", '"0x6bf7"'),
    "address wraps": HEAD + fixed("p", "0xfffffffffffff000", '"0x6bf7", "0x6bf8"', 8192),
    "frame is no RAM": HEAD + fixed("p", "0xffffc90000100000", '"0xffffff"'),
    "too few frames": HEAD + fixed("p", "0xffffc90000100000", '"0x6bf7"', 8192),
    "size 0": HEAD + '[[buffer]]\nname = "p"\nplace = "vmalloc"\nsize = 0\n',
    "size below 0": HEAD + '[[buffer]]\nname = "p"\nplace = "vmalloc"\nsize = -5\n',
    "size not whole": HEAD + '[[buffer]]\nname = "p"\nplace = "vmalloc"\nsize = 5.5\n',
    "size a date": HEAD + '[[buffer]]\nname = "p"\nplace = "vmalloc"\nsize = 1979-05-27\n',
    "too large": HEAD + '[[buffer]]\nname = "p"\nplace = "vmalloc"\nsize = 999999999\n',
    "nothing free": HEAD + '[[buffer]]\nname = "p"\nplace = "kmalloc"\nsize = 800000000\n',
    "too many vCPUs": HEAD + "[guest]\nvcpus = 99999\n",
    "too much memory": HEAD + '[guest]\nmemory = "99999999T"\n',
    "too little memory": HEAD + '[guest]\nmemory = "4K"\n',
    "seed below 0": HEAD + "[guest]\nseed = -1\n",
    "argument of 65 bits": HEAD + BUFFER + SEND.replace('"@b"', '"0x1ffffffffffffffff"'),
    "offset of 65 bits": HEAD + BUFFER + SEND.replace("@b", "@b+99999999999999999999"),
    "argument of no buffer": HEAD + BUFFER + SEND.replace("@b", "@c"),
    "cpl 7": GOOD + "cpl = 7\n",
    "preempt at 0": GOOD + "preempt = [0]\n",
    "no such vCPU": GOOD + '[[action]]\ndo = "switch"\nvcpu = 7\nprocess = "kernel"\n',
    "no such subject": GOOD + '[[action]]\ndo = "update-runstate"\nsubject = 9\n',
    "remap of a directmap": GOOD + '[[action]]\ndo = "remap"\nbuffer = "b"\n',
    "list too short": GOOD
    + '[[buffer]]\nname = "l"\nplace = "kmalloc"\nsize = 8\n[[action]]\ndo = "multicall"\n'
    + 'list = "l"\nentries = [{ hypercall = "event_channel_op send", with = { arg = "@b" } }]\n',
    "register no buffer": TLB + 'register = ["buffer:zz"]\n',
    "register nothing by name": TLB + 'register = [""]\n',
    "register a number": TLB + "register = [5]\n",
    "entries below 0": TLB + "entries = -1\n",
    "entries past counting": TLB + 'entries = 9999999999\nsearch = "direct"\n',
    "no P2M in a PV guest": HEAD + '[guest]\ntype = "pv"\n' + BUFFER
    + SEND + '[[action]]\ndo = "p2m"\nbuffer = "b"\ntype = "p2m_ram_ro"\n',
}  # fmt: skip


def told(capsys: pytest.CaptureFixture[str], words: list[str]) -> str:
    """The one line that a command says, having checked that it is one, and all."""
    try:
        status = main(words)
    except SystemExit as end:  # argparse
        status = end.code
    out, err = capsys.readouterr()
    assert status == 2, (words, err)
    assert out == "", words
    assert err.endswith("\n"), words
    assert err.count("\n") == 1, err
    assert err.startswith("xenexplore"), err
    assert "Error:" not in err, err
    return err


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    junk = bytes((at * 167 + at // 7 * 31 + 144) % 256 for at in range(5000))
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "junk").write_bytes(junk)
    (tmp_path / "junk.zst").write_bytes(b"\x28\xb5\x2f\xfd" + junk)
    (tmp_path / "tiny.zst").write_bytes(RECORDING.read_bytes()[:3])
    (tmp_path / "text").write_text("#!/bin/sh\necho 'this is no input'\n" * 9, "utf-8")
    (tmp_path / "bad.jsonl").write_text('{"s":1}\n', "utf-8")
    symbols = RECORDING.with_name("kallsyms.dom0.zst")
    (tmp_path / "cut-symbols.zst").write_bytes(symbols.read_bytes()[:3000])
    return tmp_path


def test_every_command_is_here() -> None:
    tried = {line.split()[0] for line in (*WITH_FILE, *WORDS) if line}
    assert tried >= {name for name, _, _ in COMMANDS}


@pytest.mark.parametrize("line", WITH_FILE)
def test_files(line: str, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    monkeypatch.chdir(folder)
    before = sorted(os.listdir(folder))
    for name in FILES:
        words = [f"./{name}" if word == "FILE" else word for word in line.split()]
        assert name in told(capsys, words), words
        assert sorted(os.listdir(folder)) == before, words


@pytest.mark.parametrize("line", WORDS)
def test_words(line: str, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    monkeypatch.chdir(folder)
    before = sorted(os.listdir(folder))
    words = line.replace("IMAGE", str(IMAGE)).replace("FOLDER", str(folder)).split()
    told(capsys, words)
    assert sorted(os.listdir(folder)) == before


def test_a_command_by_no_name(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["run", ""], ["options", ""], ["hypercall", ""], ["walk", "", "0"]):
        told(capsys, words)


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenarios(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = folder / "mail.toml"
    file.write_text(SCENARIOS[name], "utf-8")
    assert "mail.toml: line " in told(capsys, ["compare", str(file)])


def test_standard_input_is_empty(capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    for words in (["run", "-"], ["compare", "-"], ["scenario", "check", "-"]):
        monkeypatch.setattr("sys.stdin", io.StringIO(""))
        assert "standard input" in told(capsys, words)


def test_standard_input_is_closed_and_output_is_cut_short() -> None:
    """In processes of their own: file descriptors that are not there, or end early."""
    command = f'"{sys.executable}" -m xenexplore'
    closed = subprocess.run(
        f"{command} compare - <&-", shell=True, capture_output=True, text=True, check=False
    )
    assert (closed.returncode, closed.stdout) == (2, "")
    assert closed.stderr.count("\n") == 1
    assert closed.stderr.startswith("xenexplore: ")
    cut = subprocess.run(
        f"set -o pipefail; {command} hypercall --list | head -n 1",
        shell=True, executable="/bin/bash", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (cut.returncode, cut.stderr) == (0, "")
    assert cut.stdout.count("\n") == 1

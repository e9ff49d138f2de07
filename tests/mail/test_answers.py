"""Answers to mails and threads: real runs, read back as mails."""

from __future__ import annotations

import email
import json
import re
from email.policy import default
from pathlib import Path

import golden_files
import mailers
import pytest

import xenexplore as xe
from xenexplore.cli.main import main
from xenexplore.scenario.library.builtin import builtin_text
from xenexplore.scenario.text.links import decode_link

TEXT = builtin_text("straddle")
SCENARIO = xe.load("straddle")
FIRST = xe.run(SCENARIO, "linear-walk").text()


def asked(tmp_path: Path, body: str, **how: object) -> str:
    path = tmp_path / "asked.eml"
    path.write_text(mailers.message(body, **how), "utf-8")  # type: ignore[arg-type]
    return str(path)


def test_an_answer_can_be_pasted_and_read_again(tmp_path: Path) -> None:
    mail = asked(tmp_path, f"Hi,\n\n{TEXT}\nToday:\n\n{FIRST}")
    answer = xe.reply(mail, "number-bit")
    assert (answer.before.option.label, answer.after.option.name) == ("linear-walk", "number-bit")
    text = answer.text()
    assert text.startswith("On Wed, 28 Sep 2022 10:01:00 +0200, Jan Beulich wrote:\n> name = ")
    assert xe.parse(text) == SCENARIO
    assert xe.parse(mailers.quoted(mailers.quoted(text))) == SCENARIO
    own = [line for line in text.split("\n") if not line.startswith(">")]
    assert max(map(len, own)) <= 72
    narrow = answer.text(width=60).split("\n")
    assert max(len(line) for line in narrow if not line.startswith(("> ", "On "))) <= 60
    for trace in (answer.before, answer.after):
        assert trace.text().split("outcome: ")[1].split("\n")[0] in " ".join(text.split("\n"))
    found = answer.difference
    assert found is not None
    assert f"before: step {found.first}: " in text
    assert f"after: step {found.other}: " in text


def test_an_edited_scenario_shows_its_changes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edited = tmp_path / "edited.toml"
    edited.write_text(TEXT.replace("offset = 4080", "offset = 0"), "utf-8")
    assert edited.read_text("utf-8") != TEXT
    mail = asked(tmp_path, mailers.quoted(TEXT, "> > "))
    assert main(["reply", mail, "--edited", str(edited), "--option", "number-bit"]) == 0
    out = capsys.readouterr().out
    assert "> > > name = " in out
    assert "\n- offset = 4080\n+ offset = 0\n" in out
    assert "outcome: WRONG" not in out.split("After:")[1]


@pytest.mark.parametrize("kind", ["svg", "png"])
def test_a_message_is_threaded_and_carries_its_figure(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mail = asked(tmp_path, TEXT, number=3, answers=(1, 2), subject="Re: [RFC] buffers")
    words = ["reply", mail, "--option", "number-bit", "--figure", kind]
    assert main([*words, "-o", str(tmp_path / "answer.eml")]) == 0
    raw = (tmp_path / "answer.eml").read_bytes()
    assert main(words) == 0
    assert capsys.readouterr().out.encode() == raw, "the same answer, the same bytes"
    message = email.message_from_bytes(raw, policy=default)
    assert message["In-Reply-To"] == "<3@example.org>"
    assert message["References"].split() == [f"<{n}@example.org>" for n in (1, 2, 3)]
    assert message["Subject"] == "Re: [RFC] buffers"
    assert "jbeulich@example.org" in message["To"]
    text, picture = message.iter_parts()
    assert text.get_content() == xe.reply(mail, "number-bit").text()
    data = picture.get_content()
    assert data.startswith(b"\x89PNG" if kind == "png" else b"<")
    assert xe.load(str(tmp_path / "answer.eml")) == SCENARIO


def test_an_answer_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mail = asked(tmp_path, TEXT)
    assert main(["reply", mail, "--option", "number-bit", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["in_reply_to"] == "<1@example.org>"
    assert (record["before"]["status"], record["after"]["status"]) == ("right", "wrong")


def letters(*bodies: tuple[str, str, tuple[int, ...]]) -> str:
    return "".join(
        "From a@example.org  Wed Sep 28 10:05:11 2022\n"
        + mailers.message(body, sender=sender, number=number, answers=answers)
        + "\n"
        for number, (sender, body, answers) in enumerate(bodies, 1)
    )


@pytest.fixture
def thread(tmp_path: Path) -> str:
    wrong = re.sub(r"(?m)^outcome: right", "outcome: WRONG", FIRST)
    changed = TEXT.replace("offset = 4080", "offset = 4064")
    table = xe.compare(SCENARIO).text()
    path = tmp_path / "thread.mbox"
    path.write_text(
        letters(
            ("Jan <j@example.org>", f"Hi,\n\n{TEXT}\n{FIRST}\n{table}", ()),
            ("Juergen <g@example.org>", f"Jan wrote:\n{mailers.quoted(TEXT)}\nRight.\n", (1,)),
            ("Roger <r@example.org>", f"I get:\n\n{changed}\n{wrong}", (1, 2)),
            ("Andrew <a@example.org>", "No scenario.\n\nFrom here on, words.\n", (1, 2, 3)),
            ("Bob <b@example.org>", f"{mailers.ATTRIBUTION}\n{mailers.quoted(TEXT)}> x = 1\n", ()),
        ),
        "utf-8",
    )
    return str(path)


def test_a_thread(thread: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = xe.thread(thread)
    assert found.letters == 5
    jan, roger, bob = found.entries
    assert [one.posting.letter.sender for one in found.entries] == ["Jan", "Roger", "Bob"]
    assert jan.quoted_by == ("Juergen",)
    assert jan.holds is True
    assert len(jan.claims) == 1 + len(xe.compare(SCENARIO).rows)
    assert all(claim.holds for claim in jan.claims)
    assert roger.holds is False
    [claim] = roger.claims
    assert (claim.said.status, claim.now) == ("wrong", "right")
    assert "field x" in bob.error
    [difference, _] = found.differences
    assert (difference.first, difference.other) == (1, 3)
    assert difference.lines == ("- offset = 4080", "+ offset = 4064")
    text = found.text()
    assert max(map(len, text.split("\n"))) <= 72
    assert "NO LONGER TRUE" in text
    assert main(["thread", thread, "--json"]) == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["schema"].split(".")[1].split("/")[0] for one in records] == [
        *["posting"] * 3, *["version-difference"] * 2,
    ]  # fmt: skip
    assert [one.get("holds") for one in records[:3]] == [True, False, None]


def test_texts_survive_two_levels_of_quoting(thread: str) -> None:
    """Every text that is kept as a golden one, and those that answer mails: 76 columns of 80."""
    golden = {path.name: path.read_text("utf-8") for path in golden_files.FOLDER.glob("*.txt")}
    assert {"report-pvh.txt", "evtchn-compare.txt", "run-wrong-vcpu.txt"} <= set(golden)
    texts = {**golden, "run": FIRST, "step": xe.run(SCENARIO).text(3)}
    texts["thread"] = xe.thread(thread).text()
    answer = xe.reply("straddle", "number-bit", against="linear-walk").text()
    texts["reply"] = "\n".join(line for line in answer.split("\n") if not line.startswith(">"))
    for name, text in texts.items():
        twice = mailers.quoted(mailers.quoted(text))
        assert max(map(len, twice.split("\n"))) <= 76, name
        assert mailers.wrapped(twice, 80) == twice, name


def test_an_answer_links_to_its_step(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["reply", "straddle", "--option", "number-bit", "--against", "linear-walk"]
    assert main([*words, "--site", "https://example.org/xen/"]) == 0
    link = next(line for line in capsys.readouterr().out.splitlines() if "://" in line)
    assert link.startswith("https://example.org/xen/view.html#")
    found = decode_link(link)
    trace = xe.run(SCENARIO, "number-bit")
    assert (found.scenario, found.option) == ("straddle", trace.option.label)
    assert found.step is not None
    assert "guest translates" in trace.steps[found.step].step.say()
    # A design that the scenario does not name: the link carries the text.
    words = [
        "reply",
        "straddle",
        "--option",
        "software-tlb: entries=3",
        "--site",
        "https://e/view.html",
    ]
    assert main(words) == 0
    link = next(line for line in capsys.readouterr().out.splitlines() if "://" in line)
    assert link.startswith("https://e/view.html#z=")
    assert xe.parse(decode_link(link).text).about.name == "straddle"

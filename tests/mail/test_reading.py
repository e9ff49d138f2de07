"""What stands in a mail, what of it is a scenario, and what is refused."""

from __future__ import annotations

import io
import json
from pathlib import Path

import mailers
import pytest

import xenexplore as xe
from xenexplore.cli.main import main

ONE = 'name = "one"\ntitle = "The first"\n\n[guest]\nvcpus = 2\n'
TWO = 'name = "two"\ntitle = "The second"\nquestion = [\n    "Q1",\n    "Q2",\n]\n'
LOW = mailers.ATTRIBUTION


def mail(tmp_path: Path, text: str) -> str:
    path = tmp_path / "a.eml"
    path.write_text(text, "utf-8", newline="")
    return str(path)


def test_several_are_chosen_by_number_or_name(tmp_path: Path) -> None:
    held = mail(tmp_path, f"Two of them:\n\n{ONE}\nand\n\n{TWO}\nJan\n")
    assert [one.name for one in xe.read_mail(held).postings] == ["one", "two"]
    assert xe.load(f"{held}#2") == xe.load(f"{held}#two") == xe.parse(TWO)
    with pytest.raises(xe.ScenarioError, match=r"#1 one \(line 3\); #2 two \(line 11\)"):
        xe.load(held)
    with pytest.raises(xe.ScenarioError, match="got no '3'"):
        xe.load(f"{held}#3")
    assert "#2  two  line 11" in xe.read_mail(held).text()
    assert xe.load(f"{mail(tmp_path, ONE)}#one") == xe.parse(ONE)
    with pytest.raises(xe.ScenarioError, match="it is one scenario"):
        xe.load(f"{mail(tmp_path, ONE)}#two")


def test_one_of_several_on_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"Hi,\n\n{ONE}\nand\n\n{TWO}\nJan\n"))
    assert main(["scenario", "show", "-#2"]) == 0
    assert xe.parse(capsys.readouterr().out) == xe.parse(TWO)


def test_the_same_one_twice_is_one(tmp_path: Path) -> None:
    text = f"{ONE}\n{LOW}\n{mailers.quoted(ONE)}"
    assert xe.load(mail(tmp_path, text)).about.name == "one"
    text = f"{ONE.replace('2', '3')}\n{LOW}\n{mailers.quoted(ONE)}"
    with pytest.raises(xe.ScenarioError, match=r"#2 one \(line 8, quoted\), got 2 scenarios"):
        xe.load(mail(tmp_path, text))


def test_comments_are_kept_aside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (
        f'{LOW}\n> name = "one"\n> title = "The first"\n> question = [\n\nWhy both?\n\n'
        '>     "Q1", "Q2",\n> ]\n>\n> text = """\n> Prose,\n\nNot quite:\nsee below.\n\n> more.\n'
        '> """\n> [guest]\n> vcpus = 2\n\nThree.\n'
    )
    posting = xe.read_mail(mail(tmp_path, text)).posting()
    scenario = posting.scenario()
    assert scenario.about.text == "Prose,\nmore."
    assert scenario.about.question == ("Q1", "Q2")
    assert [(c.line, c.below, c.text) for c in posting.comments] == [
        (6, 4, "Why both?"),
        (14, 12, "Not quite:\nsee below."),
    ]
    assert main(["scenario", "show", mail(tmp_path, text)]) == 0
    shown = capsys.readouterr().out
    assert shown.count("\n# > ") == 3
    assert xe.parse(shown) == scenario
    assert main(["scenario", "show", "--json", mail(tmp_path, text)]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["posting"]["comments"][0]["text"] == "Why both?"


REFUSED = {
    "cut in the middle": (f"{LOW}\n> {ONE[:12]}\n> title = 't'\n\n[...]\n\n> [guest]\n", 5),
    "cut, quoted": (f'{LOW}\n> name = "a"\n> title = "t"\n> [...]\n> [guest]\n', 4),
    "words, then a table": (f"Hi,\n\n{ONE}\nand then\n\n[[option]]\nuse = 'bounce'\n", 11),
    "words without a blank line": (f"Hi,\n\n{ONE}and then\n", 8),
    "a string that stays open": (f'Hi,\n\nname = "a"\ntitle = "t"\ntext = """\n{LOW}\n', 5),
    "a string cut by a blank line": (f'{LOW}\n> name = "a"\n> title = "t\n\n> [guest]\n', 4),
    "a typographic quote": ("Hi,\n\nname = \u201ca\u201d\ntitle = \u201cXen\u2019s\u201d\n", 4),
    "a no-break space": ('Hi,\n\nname = "a"\ntitle = "a\u00a0b"\n', 4),
    "a comment or a wrapped line": (
        f'{LOW}\n> name = "a"\n> title = "t"\n> text = """\n> {"long " * 14}\nline?\n> x\n> """\n',
        6,
    ),
    "what the loader refuses": (f"{LOW}\n{mailers.quoted(ONE)}> vcpu = 3\n", 7),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_could_be_read_in_two_ways_is_refused(
    what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, line = REFUSED[what]
    for head in ("", "From: Jan <j@example.org>\nSubject: x\n\n"):
        assert main(["run", mail(tmp_path, head + text)]) == 2
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert f"a.eml: line {line + head.count(chr(10))}" in err, err


def test_typographic_quotes_and_spaces_that_leave_no_doubt_are_read(tmp_path: Path) -> None:
    text = "Hi,\n\nname\u00a0= \u201cone\u201d\ntitle = \u201cThe first\u201d\n\n"
    text += "\u00a0[guest]\nvcpus = 2\n"
    assert xe.load(mail(tmp_path, text)) == xe.parse(ONE)


def test_an_attached_scenario(tmp_path: Path) -> None:
    file = (
        "Content-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n"
        f'Content-Disposition: attachment; filename="one.toml"\n\n{mailers.as_base64(ONE)}'
    )
    words = "Content-Type: text/plain\n\nSee the attachment.\n"
    parts = [words, file, "Content-Type: text/html\n\n<p>See the attachment.</p>\n"]
    body = "".join(f"--XX\n{part}" for part in parts) + "--XX--\n"
    text = mailers.message(body, kind='multipart/mixed; boundary="XX"')
    assert xe.load(mail(tmp_path, text)) == xe.parse(ONE)
    bad = text.replace(mailers.as_base64(ONE), mailers.as_base64(ONE + "vcpu = 2\n"))
    with pytest.raises(xe.ScenarioError, match=r"one\.toml, base64 text decoded: line 6"):
        xe.load(mail(tmp_path, bad))


def test_errors_name_the_line_of_the_mail(tmp_path: Path) -> None:
    action = '\n[[action]]\ndo = "switch"\nvcpu = 7\nprocess = "kernel"\n'
    text = mailers.message(mailers.as_quoted_printable(f"{LOW}\n{mailers.quoted(ONE + action)}"))
    text = text.replace("8bit", "quoted-printable").replace(">", "=3E", 1)
    line = next(n for n, line in enumerate(text.split("\n"), 1) if line.startswith("> vcpu =3D 7"))
    with pytest.raises(xe.ScenarioError, match=f"line {line}, action 1"):
        xe.load(mail(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("From: j@example.org\nSubject: x\n\nNothing here.\n", "none of its lines"),
        (f"From: j@example.org\n\n{LOW}\n> [[option]]\n> use = 'bounce'\n", "none of its lines"),
        (f'{LOW}\n> name = "op"\n> size = 8\n\nWhy 8?\n', "line 2: expected a scenario"),
        ("From: j@example.org\nContent-Type: image/png\n\nxx\n", "a message without text"),
        (mailers.message("\u00fc", kind="text/plain; charset=x-none"), "'x-none'"),
        (mailers.message("\u00fc\ud800", kind="text/plain; charset=utf-8"), "line 10"),
        (mailers.message("a", encoding="base64"), "expected base64"),
    ],
)
def test_a_mail_without_a_scenario(
    text: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.eml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    assert main(["compare", str(path)]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert says in err


def test_latin_1_and_headers(tmp_path: Path) -> None:
    text = mailers.message(
        ONE, kind="text/plain; charset=iso-8859-1", sender="=?utf-8?q?J=C3=BCrgen?= <j@x.org>"
    )
    path = tmp_path / "a.eml"
    path.write_bytes(text.replace("first", "f\u00fcrst").encode("latin-1"))
    [posting] = xe.read_mail(str(path)).postings
    assert posting.scenario().about.title == "The f\u00fcrst"
    assert (posting.letter.sender, posting.letter.day) == ("J\u00fcrgen", "2022-09-28")

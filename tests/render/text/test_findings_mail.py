"""The mail on all recordings, made from the small ones."""

from __future__ import annotations

import re

import pytest

from xenexplore.analysis import every_recording
from xenexplore.cli.main import main
from xenexplore.recording.contents.library import shipped
from xenexplore.render.text.recorded.findings_mail import findings_mail


@pytest.fixture(scope="module")
def mail() -> str:
    few = [one for one in shipped() if one.name in ("pvh-boot", "pvh-callers")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(every_recording, "_PARTS", ())
        patch.setattr(every_recording, "shipped", lambda: few)
        return findings_mail(every_recording.findings_of_all())


def test_it_can_be_posted(mail: str) -> None:
    lines = mail.splitlines()
    assert lines[0].startswith("Subject: ")
    assert max(map(len, lines)) <= 72
    assert mail.isascii()
    assert all(line == line.rstrip() for line in lines)


def test_every_claim_says_what_it_stands_on(mail: str) -> None:
    claims = re.split(r"(?m)^(?=\d\. )", mail)[1:]
    assert [claim[0] for claim in claims] == list("1234567")
    for claim in claims:
        for word in ("Recordings", "Limits", "Command", "Refuted by"):
            assert len(re.findall(rf"(?m)^   {word}: ", claim)) == 1, claim
        named = re.search(r"Recordings: ([^.]*)\.", claim)
        assert named is not None
        for name in named[1].split(", "):  # machine, workload and command of each stand above
            assert name == "arm64-boot" or f"\n   {name}: Xen " in mail


def test_it_names_recordings_and_commands(mail: str) -> None:
    for name in ("pvh-boot", "pvh-callers"):
        assert f"{name} dom0" in mail
    assert "$ xenexplore record pvh --domu-vcpus 0" in mail
    assert "$ xenexplore report --all --mail" in mail
    assert "59.0%" in mail  # walks, of exit to entry, in pvh-boot


@pytest.mark.parametrize(
    "words", ["report", "report pvh --mail", "report --all", "report pvh --all --mail"]
)
def test_one_or_all(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words.split()) == 2
    assert "RECORDING, or --all --mail" in capsys.readouterr().err

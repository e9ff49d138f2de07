"""The mail on all recordings, made from the small ones."""

from __future__ import annotations

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


def test_every_claim_says_what_would_refute_it(mail: str) -> None:
    claims = [line for line in mail.splitlines() if line[:2].rstrip(".").isdigit()]
    assert len(claims) == 6
    assert mail.count("Would refute it:") == len(claims)


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

"""An answer to a scenario in a mail: two outcomes, and the step at which the runs diverge."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from xenexplore.display import Shown, text_of
from xenexplore.mail.claims import claims_in
from xenexplore.mail.mail import Posting
from xenexplore.mail.message import Letter
from xenexplore.options.registry import Chosen
from xenexplore.scenario.model.scenario import Scenario
from xenexplore.scenario.run.comparison import Difference
from xenexplore.scenario.run.differences import first_difference
from xenexplore.scenario.run.runner import options_of, run
from xenexplore.scenario.run.trace import Trace
from xenexplore.scenario.text.writer import write_scenario

__all__ = ["Reply", "reply_to"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply(Shown):
    """An answer.

    Attributes:
        letter: the message that is answered; one without headers has no metadata.
        depth: how many times the scenario is quoted there.
        quoted: the scenario's lines in the mail, without quote marks.
        changed: lines that the answer changes: ``- theirs``, ``+ ours``; may be empty.
        before: the run that the mail describes.
        after: the run that answers.
        difference: the step at which the two diverge; None if only in the setup.
        link: address at which the answer can be viewed, or ``""``.
    """

    letter: Letter
    depth: int
    quoted: tuple[str, ...]
    changed: tuple[str, ...]
    before: Trace
    after: Trace
    difference: Difference | None
    link: str = ""

    def __repr__(self) -> str:
        after = self.after
        return (
            f"<Reply {self.before.about.name}: {self.before.option.label} "
            f"{self.before.outcome.status}, {after.option.label} {after.outcome.status}>"
        )

    def text(self, *, unicode: bool = False, width: int = 72) -> str:
        """The answer, ready to be pasted.

        Args:
            unicode: as for every text; an answer has no lines to draw.
            width: most columns of our own lines; quoted lines stay whole.
        """
        return text_of(self, unicode=unicode, width=width)

    def as_json(self) -> dict[str, object]:
        """Its addressee, both outcomes, and the first step that differs."""
        return {
            "to": self.letter.sender,
            "in_reply_to": self.letter.message_id,
            "references": [*self.letter.references, self.letter.message_id]
            if self.letter.message_id
            else [],
            "scenario": self.before.about.name,
            "changed": list(self.changed),
            "before": {"option": self.before.option.label, **self.before.outcome.as_json()},
            "after": {"option": self.after.option.label, **self.after.outcome.as_json()},
            "difference": None if self.difference is None else self.difference.as_json(),
            "link": self.link,
        }


def reply_to(
    posting: Posting,
    option: Chosen | None = None,
    *,
    against: Chosen | None = None,
    edited: Scenario | None = None,
    link: str = "",
) -> Reply:
    """Answer a scenario with a run under another option, or with an edited scenario.

    Args:
        posting: the scenario in a mail.
        option: what the answer runs it under; None: as ``against``.
        against: the option to compare with; None: the option whose outcome the mail reports, or the
            scenario's first.
        edited: the scenario as the answering person would have it; None: unchanged.
        link: address at which the answer can be viewed, or ``""``.

    Raises:
        ScenarioError: the scenario is malformed, there is no such option, or the machine
            cannot do what it asks.
    """
    scenario = posting.scenario()
    first = against if against is not None else _reported(posting, scenario)
    before = run(scenario, first)
    after = run(scenario if edited is None else edited, first if option is None else option)
    return Reply(
        letter=posting.letter,
        depth=posting.excerpt.depth,
        quoted=tuple(posting.excerpt.text.removesuffix("\n").split("\n")),
        changed=() if edited is None else _changed(scenario, edited),
        before=before,
        after=after,
        difference=first_difference(before, after),
        link=link,
    )


def _reported(posting: Posting, scenario: Scenario) -> str | None:
    """The option whose outcome the mail reports, if it is one of the scenario's."""
    labels = {option.label for option in options_of(scenario)}
    for part in posting.letter.parts:
        for claim in claims_in(part.lines, posting.excerpt.depth):
            if claim.label in labels and claim.scenario in ("", posting.name):
                return claim.label
    return None


def _changed(before: Scenario, after: Scenario) -> tuple[str, ...]:
    old, new = (write_scenario(one).split("\n") for one in (before, after))
    return tuple(line for line in difflib.ndiff(old, new) if line[:2] in ("- ", "+ ") and line[2:])

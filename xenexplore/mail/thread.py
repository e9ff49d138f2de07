"""The scenarios of a thread: who posted each, whether its claims hold, how versions differ."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from xenexplore.display import Shown
from xenexplore.errors import ScenarioError
from xenexplore.mail.claims import Claim, claims_in
from xenexplore.mail.mail import Mail, Posting
from xenexplore.scenario.model.scenario import Scenario
from xenexplore.scenario.run.runner import check, options_of, run
from xenexplore.scenario.text.writer import write_scenario
from xenexplore.steps import Status

__all__ = ["CheckedClaim", "Thread", "ThreadEntry", "VersionDifference", "thread_of"]


@dataclass(frozen=True, slots=True)
class CheckedClaim:
    """An outcome that a mail reports, and the current outcome.

    Attributes:
        said: what the mail says.
        now: what the model says; None where the option is not known or not one.
        why: why there is no answer.
    """

    said: Claim
    now: Status | None
    why: str = ""

    @property
    def holds(self) -> bool:
        """Whether the mail's claim holds."""
        return self.now == self.said.status


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadEntry:
    """A scenario that a message of the thread contained.

    Attributes:
        posting: where it stands.
        quoted_by: who quoted it later without changing it.
        claims: outcomes that the message reports, held against the model.
        expectations: how many the scenario has.
        failed: those that do not hold, as sentences.
        error: why it cannot be read or run; or None.
    """

    posting: Posting
    quoted_by: tuple[str, ...] = ()
    claims: tuple[CheckedClaim, ...] = ()
    expectations: int = 0
    failed: tuple[str, ...] = ()
    error: str = ""

    @property
    def holds(self) -> bool | None:
        """Whether all claims still hold; None: there are none, or the scenario cannot be run."""
        if self.error or not (self.claims or self.expectations):
            return None
        return not self.failed and all(claim.holds for claim in self.claims)

    def as_json(self) -> dict[str, object]:
        """Sender, claims, and the results of today, for JSON."""
        return {
            **self.posting.as_json(),
            "quoted_by": list(self.quoted_by),
            "holds": self.holds,
            "expectations": self.expectations,
            "failed": list(self.failed),
            "claims": [
                {
                    "line": one.said.line, "option": one.said.label,
                    "said": str(one.said.status), "now": one.now and str(one.now), "why": one.why,
                }
                for one in self.claims
            ],
            "error": self.error,
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionDifference:
    """Changes made by a later posting of a scenario.

    Attributes:
        name: the scenario's.
        first: number of the earlier posting.
        other: number of the later one.
        lines: canonical lines that differ: ``- earlier``, ``+ later``.
    """

    name: str
    first: int
    other: int
    lines: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        """Every field by name."""
        return {
            "name": self.name, "first": self.first, "other": self.other, "lines": list(self.lines),
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread(Shown):
    """The scenarios of a thread.

    Attributes:
        source: the file.
        letters: number of messages.
        entries: the scenarios, without mere quotations.
        differences: between each posting of a name and the one before it.
    """

    source: str
    letters: int
    entries: tuple[ThreadEntry, ...]
    differences: tuple[VersionDifference, ...]

    def __repr__(self) -> str:
        return (
            f"<Thread {self.source}: {self.letters} messages, {len(self.entries)} scenarios, "
            f"{len(self.differences)} changed>"
        )


def thread_of(mail: Mail) -> Thread:
    """The scenarios of a thread, and whether its claims about them still hold.

    Args:
        mail: its messages.
    """
    entries: list[ThreadEntry] = []
    for posting in mail.postings:
        known = next((at for at, old in enumerate(entries) if posting.same_as(old.posting)), None)
        if known is None:
            entries.append(_entry(mail, posting))
        else:
            entries[known] = _quoted(entries[known], posting)
    return Thread(
        source=mail.source,
        letters=len(mail.letters),
        entries=tuple(entries),
        differences=tuple(_differences([entry.posting for entry in entries])),
    )


def _quoted(entry: ThreadEntry, again: Posting) -> ThreadEntry:
    who = again.letter.sender
    if not who or who in entry.quoted_by or again.letter == entry.posting.letter:
        return entry
    return replace(entry, quoted_by=(*entry.quoted_by, who))


def _entry(mail: Mail, posting: Posting) -> ThreadEntry:
    try:
        scenario = posting.scenario()
        failed = check(scenario)
        claims = tuple(_checked(scenario, claim) for claim in _claims(mail, posting))
    except ScenarioError as error:
        return ThreadEntry(posting=posting, error=str(error))
    return ThreadEntry(
        posting=posting, claims=claims, expectations=len(scenario.expects), failed=failed
    )


def _claims(mail: Mail, posting: Posting) -> list[Claim]:
    """Results that its message claims, where that can only be about this scenario."""
    others = {one.name for one in mail.postings if one.letter is posting.letter}
    depth = posting.excerpt.depth
    return [
        claim
        for part in posting.letter.parts
        if not part.attached
        for claim in claims_in(part.lines, depth)
        if claim.scenario == posting.name or (not claim.scenario and others == {posting.name})
    ]


def _checked(scenario: Scenario, claim: Claim) -> CheckedClaim:
    own = options_of(scenario)
    fitting = [option for option in own if option.label == claim.label]
    fitting = fitting or [option for option in own if option.use == claim.label]
    if len(fitting) > 1:
        return CheckedClaim(claim, None, "several options of the scenario could be meant")
    try:
        trace = run(scenario, fitting[0].label if fitting else claim.label)
    except ScenarioError:
        return CheckedClaim(claim, None, "no such option in the scenario")
    return CheckedClaim(claim, trace.outcome.status)


def _differences(postings: Sequence[Posting]) -> list[VersionDifference]:
    last: dict[str, Posting] = {}
    found = []
    for posting in postings:
        before = last.get(posting.name)
        if before is not None:
            lines = tuple(_changed_lines(before, posting))
            found.append(
                VersionDifference(
                    name=posting.name, first=before.number, other=posting.number, lines=lines
                )
            )
        last[posting.name] = posting
    return found


def _changed_lines(before: Posting, after: Posting) -> list[str]:
    """Lines of the canonical texts that differ, or of the texts where one cannot be read."""
    try:
        texts = [write_scenario(one.scenario()) for one in (before, after)]
    except ScenarioError:
        texts = [one.excerpt.text for one in (before, after)]
    old, new = (text.split("\n") for text in texts)
    return [line for line in difflib.ndiff(old, new) if line[:2] in ("- ", "+ ") and line[2:]]

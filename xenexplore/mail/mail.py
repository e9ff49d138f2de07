"""A mail or a thread, with the scenarios that it contains."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from xenexplore.display import Shown
from xenexplore.errors import ScenarioError
from xenexplore.mail.excerpt import Excerpt, Remark
from xenexplore.mail.extract import excerpts_in
from xenexplore.mail.message import Letter, Part, read_letters
from xenexplore.scenario.model.scenario import Scenario

__all__ = ["Mail", "Posting", "posting_of_text", "read_letters_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """A scenario in a mail.

    Attributes:
        number: from 1, in the order in which the file has them; ``FILE#2`` names it.
        letter: the message.
        source: what the text is called in error messages.
        excerpt: its text.
        attached: whether it is a file of its own.
    """

    number: int
    letter: Letter
    source: str
    excerpt: Excerpt
    attached: bool = False

    @property
    def name(self) -> str:
        """The scenario's name."""
        return self.excerpt.name

    @property
    def comments(self) -> tuple[Remark, ...]:
        """Comments of the answering person between its lines."""
        return self.excerpt.remarks

    @property
    def place(self) -> str:
        """Place in the mail: ``line 12, quoted twice``."""
        depth = self.excerpt.depth
        times = ("", ", quoted", ", quoted twice")
        quoted = times[depth] if depth < len(times) else f", quoted {depth} times"
        where = ", attached" if self.attached else quoted
        return f"line {self.excerpt.line}{where}"

    def scenario(self) -> Scenario:
        """The scenario in it.

        Raises:
            ScenarioError: it is malformed; names the line of the mail.
        """
        return self.excerpt.scenario(self.source)

    def same_as(self, other: Posting) -> bool:
        """Whether both are the same."""
        if self.excerpt.text == other.excerpt.text:
            return True
        try:
            return self.scenario() == other.scenario()
        except ScenarioError:
            return False

    def as_json(self) -> dict[str, object]:
        """Place, sender and comments, for JSON."""
        return {
            "number": self.number,
            "name": self.name,
            "line": self.excerpt.line,
            "quoted": self.excerpt.depth,
            "attached": self.attached,
            "from": self.letter.sender,
            "date": self.letter.date,
            "message_id": self.letter.message_id,
            "comments": [remark.as_json() for remark in self.comments],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail(Shown):
    """Every message of a file, and every scenario in them.

    Attributes:
        source: the file, or ``"standard input"``.
        letters: the messages, in the file's order.
        postings: the scenarios, in the file's order.
        fragments: parts of scenarios: TOML with a name and no title, or the reverse.
    """

    source: str
    letters: tuple[Letter, ...]
    postings: tuple[Posting, ...]
    fragments: tuple[Posting, ...] = ()

    def __len__(self) -> int:
        return len(self.postings)

    def __repr__(self) -> str:
        names = ", ".join(f"#{one.number} {one.name}" for one in self.postings) or "no scenario"
        return f"<Mail {self.source}: {names}>"

    def posting(self, which: int | str | None = None) -> Posting:
        """One of its scenarios.

        Args:
            which: its number from 1, its name, or None: the only one.  Several that say
                the same count as one.

        Raises:
            ScenarioError: there is none, or more than one that it could be.
        """
        if not self.postings:
            raise self._none()
        wanted = str(which).removeprefix("#") if which is not None else None
        if wanted is None:
            chosen: Sequence[Posting] = self.postings
        elif wanted.isdecimal():
            chosen = [one for one in self.postings if one.number == int(wanted)]
        else:
            chosen = [one for one in self.postings if one.name == wanted]
        if chosen and all(one.same_as(chosen[0]) for one in chosen[1:]):
            return chosen[0]
        known = "; ".join(f"#{one.number} {one.name} ({one.place})" for one in self.postings)
        name = "-" if self.source == "standard input" else self.source
        if chosen:
            got = f"{len(chosen)} scenarios" + (f" named {wanted!r}" if wanted else "")
        else:
            got = f"no {wanted!r}"
        raise ScenarioError(
            self.source, "", expected=f"one of: {known}", got=got,
            hint=f"choose one by its number: {name}#{(chosen or self.postings)[0].number}",
        )  # fmt: skip

    def scenario(self, which: int | str | None = None) -> Scenario:
        """One of its scenarios; arguments and errors as for :meth:`posting`."""
        return self.posting(which).scenario()

    def _none(self) -> ScenarioError:
        for one in self.fragments:
            if one.excerpt.trouble and one.name:
                return one.excerpt.trouble.error(one.source)
        unread = next((one.unreadable for one in self.letters if one.unreadable), "")
        place, got = "", unread or "none of its lines"
        if self.fragments:
            first = self.fragments[0]
            place, got = f"line {first.excerpt.line}", "a part of one"
        return ScenarioError(
            self.source, place, expected="a scenario in the mail", got=got,
            hint='a scenario has lines name = "..." and title = "..."',
        )  # fmt: skip


def read_letters_of(raw: bytes, source: str) -> Mail:
    """The messages in a file, and the scenarios in them.

    Args:
        raw: the file.
        source: its name in messages.

    Raises:
        ScenarioError: a message's text cannot be decoded.
    """
    letters = read_letters(raw, source)
    found: list[Posting] = []
    fragments: list[Posting] = []
    for letter in letters:
        for part in letter.parts:
            for excerpt in [_file(part)] if part.attached else excerpts_in(part.lines):
                posting = Posting(
                    number=len(found) + 1, letter=letter, source=part.source,
                    excerpt=excerpt, attached=part.attached,
                )  # fmt: skip
                if excerpt.is_scenario:
                    found.append(posting)
                else:
                    fragments.append(replace(posting, number=0))
    return Mail(
        source=source, letters=tuple(letters), postings=tuple(found), fragments=tuple(fragments)
    )


def _file(part: Part) -> Excerpt:
    """A scenario that is a file of its own."""
    text = "\n".join(line.text for line in part.lines)
    try:
        tables = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        tables = {"name": part.source.rpartition(" ")[2], "title": ""}  # reading says what is wrong
    return Excerpt(
        name=str(tables.get("name", "")),
        depth=0,
        text=text,
        numbers=tuple(line.number for line in part.lines),
        is_scenario="name" in tables and "title" in tables,
    )


def posting_of_text(text: str, source: str) -> Posting:
    """A scenario that is a whole text, not part of a mail."""
    lines = text.removesuffix("\n").split("\n")
    excerpt = Excerpt(name="", depth=0, text=text, numbers=tuple(range(1, len(lines) + 2)))
    return Posting(number=1, letter=Letter(), source=source, excerpt=excerpt)

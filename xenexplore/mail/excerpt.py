"""A scenario in a mail: its text, its line numbers, the comments between its lines."""

from __future__ import annotations

from dataclasses import dataclass

from xenexplore.errors import ScenarioError
from xenexplore.mail.statements import State, read_line
from xenexplore.scenario.model.scenario import Scenario
from xenexplore.scenario.text.loader import parse_scenario

__all__ = ["Excerpt", "Remark", "Trouble"]


@dataclass(frozen=True, slots=True)
class Remark:
    """A comment that an answering person put between a scenario's lines.

    Attributes:
        line: its line in the mail, from 1.
        below: the line of the scenario that it stands below, counted alike.
        after: how many lines of the scenario's own text stand above it.
        text: what it says.
    """

    line: int
    below: int
    after: int
    text: str

    def as_json(self) -> dict[str, object]:
        """Place and contents, for JSON."""
        return {"line": self.line, "below": self.below, "text": self.text}


@dataclass(frozen=True, slots=True)
class Trouble:
    """Reason why a scenario cannot be read; fields as in :class:`ScenarioError`."""

    line: int
    expected: str
    got: str
    hint: str = ""

    def error(self, source: str) -> ScenarioError:
        """The corresponding error."""
        return ScenarioError(
            source, f"line {self.line}", expected=self.expected, got=self.got, hint=self.hint
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpt:
    """A scenario's text from a mail.

    Attributes:
        name: its name, as far as it can be read.
        depth: how many times it is quoted.
        text: TOML, without quote marks and comments.
        numbers: for each of its lines, the line's number in the mail.
        remarks: comments of the answering person, in order.
        is_scenario: whether it has a name and a title.
        trouble: why it cannot be read, or None.
    """

    name: str
    depth: int
    text: str
    numbers: tuple[int, ...]
    remarks: tuple[Remark, ...] = ()
    is_scenario: bool = True
    trouble: Trouble | None = None

    @property
    def line(self) -> int:
        """Its first line in the mail."""
        return self.numbers[0] if self.numbers else 1

    @property
    def last(self) -> int:
        """Its last line in the mail."""
        return self.numbers[-1] if self.numbers else 1

    def scenario(self, source: str) -> Scenario:
        """The scenario in it.

        Args:
            source: what the mail is called in messages.

        Raises:
            ScenarioError: it is malformed, or could be read in two ways; names the line
                of the mail.
        """
        if self.trouble:
            raise self.trouble.error(source)
        return parse_scenario(self.text, source, numbers=self.numbers)

    def commented(self) -> str:
        """The text with the comments as TOML comments, each below the statement it is about."""
        lines = self.text.removesuffix("\n").split("\n")
        out: list[str] = []
        waiting: list[Remark] = list(self.remarks)
        for place, line in enumerate(lines):
            out.append(line)
            ends = place + 1
            while waiting and waiting[0].after <= ends and self._closed(ends):
                out += [f"# > {text}".rstrip() for text in waiting.pop(0).text.split("\n")]
        return "\n".join(out) + "\n"

    def _closed(self, lines: int) -> bool:
        """Whether nothing is open after so many lines."""
        state = State()
        for line in self.text.split("\n")[:lines]:
            _, state = read_line(line, state)
        return not state.is_open

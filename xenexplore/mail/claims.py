"""What a mail says came out of a run: our own texts, pasted into it.

Read are the two texts that xenexplore prints: a run's (its head, the line of the option,
``outcome:``) and a comparison's table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from xenexplore.mail.body import BodyLine
from xenexplore.mail.quoting import depth_of, unquoted
from xenexplore.steps import Status

__all__ = ["Claim", "claims_in"]

_OPTION: Final = re.compile(r"(O\d+)\s+([a-z][a-z-]*)(?: \(([^()]+)\))?:")
_OUTCOME: Final = re.compile(r"outcome: (right|WRONG|error|refused)\b")
_ROW: Final = re.compile(r"(O\d+)\s+(\S.*?)\s+(right|WRONG|error|refused)\b")
_MORE: Final = re.compile(r" {4}(\S.{0,17})$")
_HEAD: Final = re.compile(r"([a-z0-9][a-z0-9.-]*)\s{2,}(?:PVH|HVM|PV) \S")


@dataclass(frozen=True, slots=True)
class Claim:
    """One outcome that a mail reports.

    Attributes:
        line: where it says so, from 1.
        scenario: the scenario's name as the pasted text has it; ``""``: not said.
        ident: the option's number.
        label: the option's name or label.
        status: the outcome that the mail states.
    """

    line: int
    scenario: str
    ident: str
    label: str
    status: Status


def claims_in(lines: Sequence[BodyLine], depth: int) -> Iterator[Claim]:
    """The outcomes that lines of one quoting depth report."""
    scenario, option, table = "", ("", ""), False
    row: tuple[int, str, str, str] | None = None
    for line in lines:
        if depth_of(line.text) != depth:
            continue
        text = unquoted(line.text, depth)
        more = _MORE.match(text)
        if row and more:  # a label that takes two lines
            row = (row[0], row[1], f"{row[2]} {more[1].strip()}", row[3])
            continue
        if row:
            yield Claim(row[0], scenario, row[1], row[2], Status(row[3].lower()))
            row = None
        if head := _HEAD.match(text):
            scenario, table = head[1], False
        elif found := _OPTION.match(text):
            option = (found[1], found[3] or found[2])
        elif (found := _OUTCOME.match(text)) and option[0]:
            yield Claim(line.number, scenario, *option, Status(found[1].lower()))
            option = ("", "")
        elif re.match(r"\s+out-(\s|$)", text):
            table = True
        elif table and (found := _ROW.match(text)):
            row = (line.number, found[1], found[2], found[3])
        elif table and text.startswith("---"):
            table = False
    if row:
        yield Claim(row[0], scenario, row[1], row[2], Status(row[3].lower()))

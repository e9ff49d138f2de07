"""The scenarios of a thread, as text."""

from __future__ import annotations

from xenexplore.mail.mail import Posting
from xenexplore.mail.thread import Thread, ThreadEntry
from xenexplore.render.text.box import Ink
from xenexplore.render.text.table import table

__all__ = ["thread_text"]


def thread_text(thread: Thread) -> str:
    """Each scenario, who posted it, whether it still says so; then what versions changed."""
    ink = Ink()
    lines = ink.paragraph(
        f"{thread.source}: {_counted(thread.letters, 'message')}, "
        f"{_counted(len(thread.entries), 'scenario')}"
    )
    if thread.entries:
        rows = [("#", "scenario", "posted by", "day", "says")]
        for entry in thread.entries:
            posting = entry.posting
            rows.append(
                (
                    str(posting.number),
                    ink.text(posting.name),
                    ink.text(_who(posting)),
                    posting.letter.day or "-",
                    _says(entry),
                )
            )
        lines += ["", *table(rows, "rllll")]
    for entry in thread.entries:
        lines += _details(ink, entry)
    for one in thread.differences:
        lines += ["", *ink.paragraph(f"{one.name}: #{one.other} changes #{one.first}")]
        for line in one.lines:
            lines += ink.paragraph(line, "  ", "      ")
    return ink.page(lines)


def _who(posting: Posting) -> str:
    sender = posting.letter.sender or "unknown"
    return f"{sender}, quoting" if posting.excerpt.depth else sender


def _says(entry: ThreadEntry) -> str:
    if entry.error:
        return "cannot be read"
    return {None: "nothing", True: "still so", False: "NO LONGER TRUE"}[entry.holds]


def _details(ink: Ink, entry: ThreadEntry) -> list[str]:
    """Details of claims that do not hold, and who quoted them."""
    lead = f"#{entry.posting.number}: "
    found = [entry.error] if entry.error else [*entry.failed]
    for claim in entry.claims:
        if not claim.holds:
            now = claim.why if claim.now is None else f"now {claim.now}"
            said = claim.said
            found.append(f"line {said.line}: {said.label} reported as {said.status}: {now}")
    if entry.quoted_by:
        found.append(f"repeated unchanged by {', '.join(entry.quoted_by)}")
    return ["", *(line for text in found for line in ink.paragraph(text, lead))] if found else []


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"

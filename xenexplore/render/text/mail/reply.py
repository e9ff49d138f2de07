"""An answer to a mail, ready to be pasted."""

from __future__ import annotations

from collections.abc import Iterator

from xenexplore.mail.reply import Reply
from xenexplore.render.text.box import Ink
from xenexplore.render.text.run.trace import option_line, verdict_lines
from xenexplore.scenario.run.trace import Trace

__all__ = ["reply_text"]


def reply_text(reply: Reply, *, width: int = 72) -> str:
    """Author, quoted text, changes, both outcomes, and the step where the runs part.

    Args:
        reply: the answer.
        width: most columns of our own lines; quoted lines stay whole.
    """
    ink = Ink(width=width)
    lines = list(_quote(reply))
    if reply.changed:
        lines += ["", "Changed: - as quoted, + here.", "", *reply.changed]
    lines += ["", "Before:", *_run(ink, reply.before)]
    lines += ["", "After:", *_run(ink, reply.after), "", *_parting(ink, reply)]
    if reply.link:
        lines += ["", reply.link]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _quote(reply: Reply) -> Iterator[str]:
    """The text answered; its lines are not wrapped: they have to stay TOML."""
    letter = reply.letter
    if letter.sender:
        when = f"On {letter.date}, " if letter.date else ""
        yield f"{when}{letter.sender} wrote:"
    marks = "> " * (reply.depth + 1)
    for line in reply.quoted:
        yield f"{marks}{line}" if line else marks.rstrip()


def _run(ink: Ink, trace: Trace) -> list[str]:
    return [*ink.paragraph(option_line(trace.option), hanging="    "), *verdict_lines(ink, trace)]


def _parting(ink: Ink, reply: Reply) -> list[str]:
    """The first step that differs."""
    found = reply.difference
    if found is None:
        return ink.paragraph("The two runs take the same steps, apart from the setup.")
    lines = ["The first step that differs:"]
    sides = (("before", found.first, found.first_says), ("after", found.other, found.other_says))
    for name, step, says in sides:
        text = "the run had ended" if step is None else f"step {step}: {says}"
        lines += ink.paragraph(text, f"  {name}: ", "    ")
    return lines

"""The scenarios that a mail holds, as text."""

from __future__ import annotations

from xenexplore.mail.mail import Mail
from xenexplore.render.text.box import Ink
from xenexplore.render.text.table import table

__all__ = ["mail_text"]


def mail_text(mail: Mail) -> str:
    """Each scenario with its number, who sent it and where it stands; comments below it."""
    ink = Ink()
    if not mail.postings:
        return ink.page(ink.paragraph(f"{mail.source}: no scenario"))
    lines = []
    for one in mail.postings:
        sent = ", ".join(part for part in (one.letter.sender, one.letter.day) if part)
        lines += table([(f"#{one.number}", ink.text(one.name), one.place, ink.text(sent))], "llll")
        for remark in one.comments:
            below = f"comment, line {remark.line}: "
            lines += ink.paragraph(" ".join(remark.text.split()), f"    {below}", "      ")
    return ink.page(lines)

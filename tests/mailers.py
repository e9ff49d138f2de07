"""What mail programs do to a text on its way: quoting, wrapping, encoding.

Each function is a manner that list archives show, written from RFC 3676 (flowed), RFC 2045
(encodings) and from what the programs named do to long and to quoted lines.
"""

from __future__ import annotations

import base64
import html
import quopri

__all__ = [
    "ATTRIBUTION",
    "FOOTER",
    "as_base64",
    "as_html",
    "as_quoted_printable",
    "flowed",
    "message",
    "quoted",
    "wrapped",
]

ATTRIBUTION = "On 28.09.2022 10:05, Jan Beulich wrote:"
FOOTER = "_______________________________________________\nXen-devel mailing list\n"


def quoted(text: str, marks: str = "> ", *, blank: bool = True) -> str:
    """Every line behind ``marks``; ``blank``: blank lines, too, their trailing space gone."""
    return "".join(
        f"{marks}{line}\n" if line else f"{marks.rstrip()}\n" if blank else "\n"
        for line in text.removesuffix("\n").split("\n")
    )


def wrapped(text: str, width: int, *, marks: str = "", keep: bool = False) -> str:
    """Lines longer than ``width`` broken at a space; the rest goes behind ``marks``.

    ``keep``: the space stays at the end of the line.
    """
    out = []
    for whole in text.split("\n"):
        line = whole
        while len(line) > width:
            at = line.rfind(" ", len(marks) + 1, width + 1)
            if at <= len(marks) or not line[:at].strip("> "):
                break
            out.append(line[: at + keep])
            line = marks + line[at + 1 :]
        out.append(line)
    return "\n".join(out)


def flowed(text: str, width: int = 66, *, depth: int = 0, delsp: bool = False) -> str:
    """As RFC 3676, 4.2 and 4.5 have it: soft breaks end in a space, space-stuffing."""
    out = []
    for line in text.removesuffix("\n").split("\n"):
        rest = line if line == "-- " else line.rstrip(" ")
        pieces = []
        while len(rest) > width and (at := rest.rfind(" ", 1, width)) > 0:
            pieces.append(rest[: at + 1] + (" " if delsp else ""))
            rest = rest[at + 1 :]
        for piece in [*pieces, rest]:
            stuffed = depth or piece.startswith((" ", ">", "From "))
            out.append(">" * depth + (" " if stuffed else "") + piece)
    return "\n".join(out) + "\n"


def as_quoted_printable(text: str, charset: str = "utf-8") -> str:
    return quopri.encodestring(text.encode(charset)).decode("ascii")


def as_base64(text: str, charset: str = "utf-8") -> str:
    return base64.encodebytes(text.replace("\n", "\r\n").encode(charset)).decode("ascii")


def as_html(text: str) -> str:
    """As Outlook writes plain words: a paragraph a line, runs of spaces kept by &nbsp;."""
    lines = (
        html.escape(line).replace("  ", "&nbsp; ") or "&nbsp;"
        for line in text.removesuffix("\n").split("\n")
    )
    body = "".join(f"<p class=MsoNormal>{line}<o:p></o:p></p>\n" for line in lines)
    return f"<html><head><style>p {{}}</style></head>\n<body>\n{body}</body></html>\n"


def message(
    body: str,
    *,
    kind: str = "text/plain; charset=utf-8",
    encoding: str = "8bit",
    sender: str = "Jan Beulich <jbeulich@example.org>",
    number: int = 1,
    answers: tuple[int, ...] = (),
    subject: str = "hypercall buffers",
) -> str:
    """A whole message."""
    head = [
        f"From: {sender}",
        "To: xen-devel@example.org",
        f"Subject: {subject}",
        f"Date: Wed, 28 Sep 2022 10:{number:02}:00 +0200",
        f"Message-ID: <{number}@example.org>",
        "MIME-Version: 1.0",
        f"Content-Type: {kind}",
        f"Content-Transfer-Encoding: {encoding}",
    ]
    if answers:
        head.append(f"In-Reply-To: <{answers[-1]}@example.org>")
        head.append("References: " + "\n ".join(f"<{one}@example.org>" for one in answers))
    return "\n".join(head) + "\n\n" + body

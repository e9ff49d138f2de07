"""A scenario in a message as each mail program sends it: what public archives show, rewritten.

Heads, attributions, quoting, wrapping and encodings are those of the program; names, addresses and
words are ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import mailers

__all__ = ["EXACT", "WRAPPING"]

_HEAD = (
    "From: Jan Beulich <jbeulich@example.org>\nTo: xen-devel@example.org\nSubject: Re: buffers\n"
)
_HEAD += "Date: Wed, 28 Sep 2022 10:05:11 +0200\nMessage-ID: <1@example.org>\nMIME-Version: 1.0\n"
_FLOWED = "text/plain; charset=UTF-8; format=flowed"


def _message(program: str, kind: str, encoding: str, body: str) -> str:
    head = f"{_HEAD}{program}\nContent-Type: {kind}\nContent-Transfer-Encoding: {encoding}\n"
    return f"{head}Content-Language: en-US\n\n{body}"


def _both(program: str, plain: str, html: str) -> str:
    parts = [
        f'--=_b\nContent-Type: text/{kind}; charset="UTF-8"\nContent-Transfer-Encoding: '
        f"quoted-printable\n\n{mailers.as_quoted_printable(body)}"
        for kind, body in (("plain", plain), ("html", html))
    ]
    head = f'{_HEAD}{program}\nContent-Type: multipart/alternative; boundary="=_b"\n\n'
    return head + "\n".join(parts) + "\n--=_b--\n"


def outlook_top_post(text: str) -> str:
    """The answer above, the message below it, unquoted, with its head in words; CRLF."""
    below = (
        "From: Jan Beulich <jbeulich@example.org> \nSent: Wednesday, September 28, 2022 10:05 AM\n"
    )
    below += "To: xen-devel@example.org\nSubject: buffers\n"
    banner = "CAUTION: This email originated from outside of the organization.\n"
    body = f"I agree.\n\n________________________________\n{below}\n{banner}\n{text}"
    return _message(
        "X-Mailer: Microsoft Outlook 16.0", 'text/plain; charset="us-ascii"', "7bit", body
    ).replace("\n", "\r\n")


def outlook_html(text: str) -> str:
    """HTML alone: a paragraph a line."""
    body = mailers.as_quoted_printable(mailers.as_html(text))
    return _message(
        "X-Mailer: Microsoft Outlook 16.0", 'text/html; charset="UTF-8"', "quoted-printable", body
    )


def gmail(text: str, width: int = 78) -> str:
    """Two bodies; a quoted line that is too long goes on without marks, as does the attribution."""
    who = "On Wed, Sep 28, 2022 at 10:05 AM Jan Beulich <jbeulich@example.org>\nwrote:\n"
    plain = mailers.wrapped(f"{who}\n{mailers.quoted(text)}\nRight?\n", width)
    html = f'<div class="gmail_quote"><blockquote>{mailers.as_html(text)}</blockquote></div>'
    return _both("X-Google-Smtp-Source: AA", plain, html)


def thunderbird(text: str) -> str:
    """Flowed; quoted text is not flowed again."""
    body = f"On 28.09.2022 10:05, Jan Beulich wrote:\n{mailers.quoted(text)}\nRight?\n"
    return _message("User-Agent: Mozilla Thunderbird", _FLOWED, "7bit", body)


def thunderbird_own(text: str) -> str:
    """Flowed; one's own lines are broken after a space, and stuffed."""
    return _message("User-Agent: Mozilla Thunderbird", _FLOWED, "8bit", mailers.flowed(text, 72))


def mutt(text: str) -> str:
    """Flowed by ``text_flowed``, quoted twice without spaces between the marks."""
    who = "On Wed, Sep 28, 2022 at 10:05:11AM +0200, Jan Beulich wrote:\n"
    body = who + mailers.quoted(text, ">> ") + "\nRight?\n\n-- \nJan\n"
    return _message(
        "User-Agent: Mutt/2.2.7 (2022-08-07)", "text/plain; charset=us-ascii", "7bit", body
    )


def mutt_flowed(text: str) -> str:
    return _message("User-Agent: Mutt/2.2.7", _FLOWED, "7bit", mailers.flowed(text, 72, depth=1))


def evolution(text: str, width: int = 72) -> str:
    """A quoted line that is too long goes on behind a mark; more than one space is not ASCII's."""
    spaced = re.sub(" {2,}", lambda match: "\u00a0" * (len(match[0]) - 1) + " ", text)
    body = mailers.wrapped(
        f"On Wed, 2022-09-28 at 10:05 +0200, Jan Beulich wrote:\n{mailers.quoted(spaced)}\n",
        width,
        marks="> ",
    )
    return _message(
        "User-Agent: Evolution 3.44.4", 'text/plain; charset="UTF-8"', "base64",
        mailers.as_base64(body),
    )  # fmt: skip


def apple_mail(text: str) -> str:
    """Base64; blank line after the attribution, blank lines quoted with a trailing space."""
    quote = "".join(f"> {line}\n" for line in text.removesuffix("\n").split("\n"))
    body = (
        f"\n\n> On 28. Sep 2022, at 10:05, Jan Beulich <jbeulich@example.org> wrote:\n> \n{quote}\n"
    )
    return _message(
        "X-Mailer: Apple Mail (2.3696.120.41.1.1)", "text/plain; charset=utf-8", "base64",
        mailers.as_base64(body),
    )  # fmt: skip


def apple_mail_flowed(text: str) -> str:
    """Flowed with DelSp, quoted-printable."""
    body = mailers.as_quoted_printable(mailers.flowed(text, 70, delsp=True))
    kind = 'text/plain; charset="utf-8"; format=flowed; delsp=yes'
    return _message("X-Mailer: Apple Mail (2.3696)", kind, "quoted-printable", body)


def ios_mail(text: str) -> str:
    """Two bodies; a byte order mark before the quoted message, behind the quote mark."""
    body = "Right?\n\nSent from my iPhone\n\n> On Sep 28, 2022, at 10:05 AM, Jan Beulich <jbeulich@"
    body += f"example.org> wrote:\n> \n> \ufeff{mailers.quoted(text)[2:]}"
    return _both("X-Mailer: iPhone Mail (18D61)", body, mailers.as_html(text))


def k9_mail(text: str) -> str:
    """Quoted-printable with every dot encoded; no space behind a quote mark."""
    who = "On 28 September 2022 10:05:11 GMT+03:00, Jan Beulich <jbeulich@example.org> wrote:\n"
    body = mailers.as_quoted_printable(f"\n\n{who}{mailers.quoted(text, '>')}\nRight?\n")
    return _message(
        "User-Agent: K-9 Mail for Android", "text/plain;\n charset=utf-8", "quoted-printable",
        body.replace(".", "=2E"),
    )  # fmt: skip


def proton_mail(text: str) -> str:
    """The answer above a rule; two spaces behind a quote mark."""
    who = "-------- Original Message --------\nOn Wednesday, September 28th, 2022 at 10:05, Jan "
    who += f"Beulich <jbeulich@example.org> wrote:\n\n{mailers.quoted(text, '>  ')}"
    body = mailers.as_quoted_printable(f"Right?\n\nSent with Proton Mail secure email.\n\n{who}")
    return _message("X-Pm-Message-ID: 1", "text/plain; charset=utf-8", "quoted-printable", body)


def outlook_quoted(text: str) -> str:
    """Outlook made to quote: the message's head is quoted, too, and its long lines wrapped."""
    head = "-----Original Message-----\nFrom: Jan Beulich <jbeulich@example.org>\nSent: Wednesday, "
    head += "September 28, 2022 10:05 AM\nTo: xen-devel@example.org; Jan\n<jan@example.org>\n\n"
    body = mailers.as_quoted_printable(f"[Jan]\n\n{mailers.quoted(head + text)}\nRight?\n")
    kind = 'text/plain; charset="us-ascii"'
    return _message("X-MS-Has-Attach:", kind, "quoted-printable", body)


def public_inbox(text: str) -> str:
    """A list archive's mbox: every "From " at a line's beginning is escaped."""
    body = thunderbird_own(f"From here on:\n\n{text}").replace("\nFrom ", "\n>From ")
    return f"From mboxrd@z Thu Jan  1 00:00:00 1970\n{body}"


def mailman(text: str) -> str:
    """A list that adds its foot as a part."""
    foot = f"--=_m\nContent-Type: text/plain; charset=us-ascii\n\n{mailers.FOOTER}--=_m--\n"
    return (
        f'{_HEAD}Content-Type: multipart/mixed; boundary="=_m"\nList-Id: <xen.example.org>\n\n'
        f"--=_m\nContent-Type: text/plain; charset=utf-8\n\nHi,\n\n{text}\nJan\n{foot}"
    )


Program = Callable[[str], str]
#: What they send reads back equal.
EXACT: dict[str, Program] = {
    one.__name__: one
    for one in (
        apple_mail, apple_mail_flowed, ios_mail, k9_mail, mailman, mutt, mutt_flowed,
        outlook_quoted, outlook_top_post, proton_mail, public_inbox, thunderbird,
        thunderbird_own,
    )
}  # fmt: skip
#: They break lines or change spaces: equal but for line ends in prose, or refused with the place.
WRAPPING: dict[str, Program] = {one.__name__: one for one in (evolution, gmail, outlook_html)}

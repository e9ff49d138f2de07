"""An answer as a whole message: threaded where the question was, figures attached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formataddr
from hashlib import sha256

from xenexplore.mail.message import Letter

__all__ = ["Attachment", "composed"]


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file beside the text.

    Attributes:
        name: the file's name.
        kind: its media type, e.g. ``"image/svg+xml"``.
        data: its bytes.
    """

    name: str
    kind: str
    data: bytes


def composed(letter: Letter, text: str, attachments: Sequence[Attachment] = ()) -> bytes:
    """A message that answers another; the same bytes for the same answer.

    It has no ``From``, ``Date`` and ``Message-ID``: the program that sends it adds them.

    Args:
        letter: what is answered.
        text: the answer.
        attachments: files beside it.
    """
    message = EmailMessage(policy=SMTP.clone(linesep="\n", max_line_length=998))
    if letter.address:
        message["To"] = formataddr((letter.sender if letter.sender != letter.address else "",
                                    letter.address))  # fmt: skip
    subject = letter.subject or "hypercall buffers"
    message["Subject"] = subject if subject.lower().startswith("re:") else f"Re: {subject}"
    if letter.message_id:
        message["In-Reply-To"] = letter.message_id
        message["References"] = " ".join([*letter.references, letter.message_id])
    # Mail programs that know it open the message to be edited and sent.
    message["X-Unsent"] = "1"
    message.set_content(text, cte="7bit" if text.isascii() else "quoted-printable")
    for one in attachments:
        main, _, sub = one.kind.partition("/")
        message.add_attachment(one.data, maintype=main, subtype=sub, filename=one.name)
    if attachments:
        message.set_boundary("=_" + sha256(text.encode()).hexdigest()[:32])
    return message.as_bytes()

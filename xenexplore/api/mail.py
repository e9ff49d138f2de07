"""Answers to mails, and threads, from a file."""

from __future__ import annotations

from dataclasses import replace

from xenexplore.mail.mail import posting_of_text
from xenexplore.mail.reply import Reply, reply_to
from xenexplore.mail.site_link import site_link
from xenexplore.mail.source import find_source, read_mail
from xenexplore.mail.thread import Thread, thread_of
from xenexplore.options.registry import Chosen
from xenexplore.scenario.model.scenario import Scenario
from xenexplore.scenario.run.address import site_in_use

__all__ = ["reply", "thread"]


def reply(
    mail: str,
    option: Chosen | None = None,
    *,
    against: Chosen | None = None,
    edited: Scenario | None = None,
    link: str = "",
    site: str = "",
    limit: int | None = None,
) -> Reply:
    """An answer to a scenario in a mail, its text ready to paste.

    Args:
        mail: a file, ``"-"``, or a built-in scenario's name; ``"FILE#2"`` as for ``xe.load``.
        option: the option under which the answer runs the scenario; None: as ``against``.
        against: the option to compare with; None: the option whose outcome the mail reports, or the
            scenario's first.
        edited: the scenario as you would have it; None: unchanged.
        link: address at which the answer can be viewed, or ``""``.
        site: a site's address (``xenexplore site``), for a link to the step at which the answer
            diverges from the other run; ``""``: the current one (:func:`~xenexplore.use_site`), if
            any.
        limit: the file's maximum size in bytes; None for 4 MiB.

    Raises:
        ScenarioError: the mail has no such scenario, or there is no such option.
        OSError: the file cannot be read.

    >>> answer = reply("straddle", "number-bit", against="linear-walk")
    >>> answer.before.outcome.status.value, answer.after.outcome.status.value
    ('right', 'wrong')
    >>> print("".join(answer.text(width=68).splitlines(True)[-5:]), end="")
    The first step that differs:
      before: step 1: vCPU 0 makes the hypercall
        vcpu_op.get_runstate_info.
      after: step 2: The guest translates 0xffffc90004000ff0 to
        0x23e48ff0 by table walk.
    """
    source = find_source(mail, limit=limit)
    posting = source.posting or posting_of_text(source.text, source.source)
    answer = reply_to(posting, option, against=against, edited=edited, link=link)
    site = site or site_in_use()
    if not site:
        return answer
    named = mail if source.posting is None and edited is None else ""
    shown = posting.scenario() if edited is None else edited
    return replace(answer, link=site_link(site, answer, shown, named))


def thread(mbox: str, *, limit: int | None = None) -> Thread:
    r"""The scenarios of a thread: who posted each, and whether its claims still hold.

    Args:
        mbox: an mbox, a message, or ``"-"`` for standard input.
        limit: its maximum size in bytes; None for 64 MiB.

    Raises:
        ScenarioError: a message's text cannot be decoded.
        OSError: the file cannot be read.

    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "thread.mbox")
    ...     _ = path.write_text('From a  Wed Sep 28 10:05:11 2022\nFrom: Jan <j@example.org>\n\n'
    ...         'name = "x"\ntitle = "Nothing happens"\n')
    ...     len(thread(str(path)).entries)
    1
    """
    return thread_of(read_mail(mbox, limit=64 << 20 if limit is None else limit))

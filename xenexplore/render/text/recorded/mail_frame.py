"""The mail of the findings around its claims: opening, recordings, limits, commands."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from xenexplore.analysis.findings import Findings
from xenexplore.recording.contents.library import Shipped
from xenexplore.render.text.recorded.library import machine_words
from xenexplore.render.text.table import WIDTH, paragraph

__all__ = ["commands", "limits", "opening", "recordings"]

_SERIES = "cover.1744981654.git.teddy.astie@vates.tech"


def opening() -> list[str]:
    """Greeting, and what this is."""
    return [
        "Hi,",
        "",
        *paragraph(
            "in September 2022 this list discussed passing hypercall buffers by physical "
            "address, or registering them in advance "
            "(<98b857b8-f36a-e935-8318-f17dfc3457ab@suse.com>). The only posted number for the "
            "cost of today's page walks came from Teddy Astie in April 2025: about 30% less "
            f"overhead with physical addresses, in one loop (<{_SERIES}>). Below are counts from "
            "Debian's unmodified release builds of Xen on an emulated AMD CPU (SVM with nested "
            "paging): every hypercall, every copy, every walk, with the instructions executed "
            "by Xen. They are counts of instructions, not times. Each claim is followed by its "
            "recordings, its limits, the command that prints it, and the evidence that would "
            "refute it."
        ),
        "",
        *paragraph(
            "The recorder is a QEMU plugin that counts instructions between the entry and the "
            "return of functions of Xen: xenexplore record --hooks lists them. xenexplore "
            "recording explain NAME checks the copies of every call against a catalogue derived "
            "from Xen's sources."
        ),
    ]


def limits(rows: Sequence[tuple[str, Findings]]) -> list[str]:
    """Limits of all claims.

    Args:
        rows: a recording's name, and what it says.
    """
    said: dict[str, dict[str, None]] = {}
    for recording, findings in rows:
        for sentence in findings.limits[1:]:
            said.setdefault(sentence, {})[recording] = None
    every = {recording for recording, _ in rows}
    lines = ["Limits of all claims", *paragraph(
        "- everything ran under QEMU's TCG, emulating AMD (SVM); nothing was recorded on Intel "
        "(VMX); no kernel other than Linux, and of an HVM guest its firmware alone (recording "
        "hvm: no paging, so nothing is walked)",
        3, 2,
    )]  # fmt: skip
    for sentence, names in said.items():
        whose = "" if names.keys() == every else f"{', '.join(names)}: "
        lines += paragraph(f"- {whose}{sentence}", 3, 2)
    return lines


def recordings(listed: Sequence[Shipped]) -> list[str]:
    """Machine, workload and command of each."""
    lines = ["Recordings: machine; workload; command to make a similar one"]
    for one in listed:
        lines += paragraph(f"{one.name}: {machine_words(one.header)}; {one.header.workload}", 3, 2)
        if one.header.command:
            lines += _shell(one.header.command)
    return lines


def _shell(command: str) -> list[str]:
    """A command, continued where it is long."""
    lines = textwrap.wrap(
        command, WIDTH - 7, break_long_words=False, break_on_hyphens=False,
        initial_indent="     $ ", subsequent_indent="         ",
    )  # fmt: skip
    return [*(f"{line} \\" for line in lines[:-1]), lines[-1]]


def commands(listed: Sequence[Shipped]) -> list[str]:
    """Commands that print the mail and what it stands on."""
    return [
        "Everything above is printed by",
        "     $ xenexplore report --all --mail",
        *paragraph(
            "and each recording's page by xenexplore report NAME "
            f"({', '.join(one.name for one in listed)})."
        ),
    ]

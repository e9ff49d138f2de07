"""The recordings that come with the package, as text for a mail."""

from __future__ import annotations

from collections.abc import Iterable

from xenexplore.recording.contents.library import Shipped
from xenexplore.recording.format.header import GuestEntry, Header
from xenexplore.render.text.table import grouped, heading, paragraph, table

__all__ = ["library_text", "machine_words"]


def library_text(recordings: Iterable[Shipped]) -> str:
    """One table, then what each shows and the command that makes one of its kind."""
    listed = list(recordings)
    lines = heading("Recordings that come with xenexplore", "=")
    rows = [["name", "KiB", "Xen", "guests", "backends"]]
    rows += [
            [one.name, grouped(one.size >> 10), one.header.xen,
             ", ".join(_guest(guest) for guest in one.header.guests),
             ", ".join(one.header.backends or ()) or "-"]
        for one in listed
    ]  # fmt: skip
    lines += table(rows, "lrlll")
    for one in listed:
        lines += ["", one.name]
        lines += paragraph(f"{one.finding}; {machine_words(one.header)}", 2)
        lines += paragraph(f"workload: {one.header.workload}", 2, 2)
        made = one.header.command
        lines += paragraph(f"make another: {made}" if made else
                           "made with another recorder: see data/PROVENANCE.md", 2, 2)  # fmt: skip
    total = sum(one.size for one in listed)
    lines += ["", *paragraph(
        f"{grouped(total >> 10)} KiB in total. A command makes a similar recording, not the same "
        "bytes. Every proportion is that of its own workload."
    )]  # fmt: skip
    return "\n".join(lines) + "\n"


def machine_words(header: Header) -> str:
    """``Xen 4.17.7, Linux 6.1.192, QEMU 11.1.3 TCG``."""
    kernels = sorted({guest.kernel for guest in header.guests if guest.kernel})
    return ", ".join([f"Xen {header.xen or '?'}", *kernels, header.emulator or "hardware"])


def _guest(guest: GuestEntry) -> str:
    kind = guest.kind.name
    return f"dom{guest.domid} {kind}" + (f" x{guest.vcpus}" if guest.vcpus > 1 else "")

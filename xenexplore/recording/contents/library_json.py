"""The list of shipped recordings as JSON, one object each."""

from __future__ import annotations

from xenexplore.recording.contents.library import Shipped
from xenexplore.steps import Json

__all__ = ["shipped_json"]


def shipped_json(one: Shipped) -> dict[str, Json]:
    """One recording of the package."""
    header = one.header
    return {
        "name": one.name,
        "bytes": one.size,
        "finding": one.finding,
        "format": header.version,
        "xen": header.xen,
        "emulator": header.emulator,
        "pcpus": header.pcpus,
        "guests": [
            {"domain": g.domid, "kind": g.kind.value, "vcpus": g.vcpus, "kernel": g.kernel}
            for g in header.guests
        ],
        "backends": list(header.backends or ()),
        "workload": header.workload,
        "artefacts": [artefact.value for artefact in header.artefacts],
        "command": header.command,
    }

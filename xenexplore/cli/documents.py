"""The JSON documents that the command line prints, each with a version.

Every object on a line of its own begins with ``"schema": "xenexplore.<document>/<version>"``.
Within a version keys are added, never removed, renamed or given another meaning.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

__all__ = ["DOCUMENTS", "as_line"]

DOCUMENTS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "address-space": 1,  # whose page tables `map` lists, and what is assumed
        "check": 1,  # a scenario's expectations, and those that do not hold
        "comparison": 1,  # xenexplore.scenario.run.comparison
        "design": 1,
        "file": 1,  # what a command wrote
        "hypercall": 1,  # a family or a sub-op of the catalogue
        "hypercall-diff": 1,  # what differs between two releases of Xen
        "lab": 1,  # where the notebooks are; the server's address
        "lookup": 1,  # instructions of a lookup in registered buffers
        "matching": 1,  # what the copy plans explain of a recording
        "matrix-cell": 1,
        "page-run": 1,  # a run of an address space, or what is missing from it
        "posting": 1,  # a scenario in a mail, and what it says now
        "recorded": 1,  # what `record` wrote
        "recording": 1,  # a recording's contents
        "replay": 1,
        "reply": 1,  # an answer to a mail
        "report": 2,  # 2: instructions in place of nanoseconds
        "scenario": 1,
        "shipped-recording": 1,  # a recording that comes with the package
        "site": 1,
        "sweep-row": 1,
        "trace": 1,  # xenexplore.scenario.run.trace
        "version-difference": 1,  # what a later posting of a scenario changed
        "walk": 1,  # a walk, or why there is none
    }
)
"""Each document's version."""


def as_line(document: str, record: Mapping[str, Any]) -> str:
    r"""A record as one line of JSON, named and versioned.

    Raises:
        KeyError: no such document.

    >>> as_line("file", {"file": "a.svg"})
    '{"schema": "xenexplore.file/1", "file": "a.svg"}\n'
    """
    head = {"schema": f"xenexplore.{document}/{DOCUMENTS[document]}"}
    return json.dumps({**head, **record}, ensure_ascii=False) + "\n"

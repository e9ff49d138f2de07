"""Limits of a recording's figures: its own machine and workload."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from xenexplore.recording.contents.library import told_elsewhere
from xenexplore.recording.format.columns import KINDS, Recording
from xenexplore.recording.format.header import Artefact, Header, read_header

__all__ = ["Facts", "header_of", "limits"]

# grant_table_op and its sub-ops that a backend makes: map_grant_ref,
# unmap_grant_ref, copy (xen/include/public/grant_table.h).
_GRANT_TABLE_OP = 20
_BACKEND_OPS = (0, 1, 5)
_COMPAT = KINDS.index("hvm32")

_ARTEFACTS: Mapping[Artefact, str] = {
    Artefact.NO_NRIP: "the emulated CPU makes Xen decode VMMCALL in software",
    Artefact.NO_DECODE_COUNT: "instructions of that decoding were not counted",
    Artefact.EMULATED_CLOCK: "how often timers are set depends on the emulator's speed",
    Artefact.INTERRUPTED: "stopped before the workload finished",
    Artefact.SOFT_LOCKUPS: "the guest reported soft lockups",
    Artefact.WORKLOAD_FAILED: "part of the workload failed",
    Artefact.DOMAINS_BY_APPEARANCE: "domain ids are given in order of appearance",
    Artefact.HYPERCALLS_ONLY: "neither guest accesses nor registers were recorded",
}


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts shown by the records themselves, chunk by chunk.

    Attributes:
        vcpus: domain index and vCPU (id, ``struct vcpu``) of every hypercall's caller.
        stacks: stack pointers of HVM guests were recorded.
        grants: grant_table_op calls that backends make.
        unwalked: hypercalls by the 32-bit ABI for which Xen walked no tables.
        paged: domains, by index, with other hypercalls than those.
    """

    vcpus: frozenset[tuple[int, int, int]] = frozenset()
    stacks: bool = False
    grants: int = 0
    unwalked: int = 0
    paged: frozenset[int] = frozenset()

    def then(self, chunk: Recording) -> Facts:
        """With one more chunk."""
        calls = chunk.calls
        known = calls.domain >= 0
        keys = [calls.domain[known].astype(np.int64), calls.vcpu[known].astype(np.int64),
                calls.vcpu_at[known].view(np.int64)]  # fmt: skip
        found = {(int(d), int(v), int(at)) for d, v, at in np.unique(np.stack(keys), axis=1).T}
        op = calls.args[:, 0] & np.uint64(0xFFFF_FFFF)
        grants = (calls.number == _GRANT_TABLE_OP) & np.isin(op, _BACKEND_OPS)
        walks = chunk.walks
        mine = walks.domain == calls.domain[walks.call]  # one of another vCPU's after a switch
        walked = np.isin(np.arange(len(calls)), walks.call[mine & (walks.call >= 0)])
        unwalked = (calls.kind == _COMPAT) & ~walked
        return replace(
            self,
            vcpus=self.vcpus | found,
            stacks=self.stacks or bool((calls.rsp[calls.kind != 0] != 0).any()),
            grants=self.grants + int(grants.sum()),
            unwalked=self.unwalked + int(unwalked.sum()),
            paged=self.paged | frozenset(np.unique(calls.domain[~unwalked]).tolist()),
        )

    @property
    def unpaged(self) -> frozenset[int]:
        """Domains, by index, all of whose hypercalls were made by the 32-bit ABI and unwalked."""
        return frozenset(domain for domain, _, _ in self.vcpus) - self.paged

    @property
    def most_vcpus(self) -> int:
        """Number of vCPUs of the domain with the most."""
        owners = [domain for domain, _, _ in self.vcpus]
        return max((owners.count(domain) for domain in set(owners)), default=0)


def header_of(recording: Recording) -> Header:
    """A recording's header; for a built-in of version 1, what is known about it."""
    meta = recording.meta
    if meta.get("version", 1) == 1 and recording.source in told_elsewhere():
        return replace(read_header({**told_elsewhere()[recording.source], "version": 2}), version=1)
    return read_header(meta)


def limits(header: Header, facts: Facts) -> tuple[str, ...]:
    """Clauses without a full stop, the widest limit first."""
    found = [_machine(header, facts)]
    if header.backends is not None and not header.backends:
        found.append("no block or network backend ran")
    elif header.backends is None and not facts.grants:
        found.append("no backend mapped or copied a grant")
    if facts.unwalked:
        found.append(
            f"{facts.unwalked} hypercalls were made by the 32-bit ABI and without paging: Xen "
            "walked nothing for them, and what a design saves of a walk is not theirs"
        )
    if not facts.stacks:
        found.append("vmalloc'ed buffers are taken to be on task stacks, by their addresses")
    # That the built-ins of version 1 were emulated is said first.
    found += [_ARTEFACTS[artefact] for artefact in header.artefacts]
    found.append("proportions are those of this workload, not of every system")
    return tuple(found)


def _machine(header: Header, facts: Facts) -> str:
    kernels = sorted({guest.kernel for guest in header.guests if guest.kernel})
    ran = f"{len(kernels)} kernels ({', '.join(kernels)})" if len(kernels) > 1 else "one kernel"
    how = "under TCG " if "TCG" in header.emulator else ""
    vcpus = max([guest.vcpus for guest in header.guests], default=facts.most_vcpus)
    count = "one vCPU" if vcpus == 1 else f"{vcpus} vCPUs"
    return f"one boot of {ran} {how}on {count}"

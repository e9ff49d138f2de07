"""Every design x 1 or 2 vCPUs x plain or encrypted x single or multicall x alignment.

What must come of each cell is not written down: the design's replay model says which calls it
cannot carry and which fail, and today's interface says which bytes are right.
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import replace

import pytest
from calls import Ran, Where, populate, refused, run_call, word
from variants import shown, text_of
from workloads import Made, workload_of

from xenexplore.analysis.replay.engine import replay
from xenexplore.analysis.replay.replayed import AccessVerdict
from xenexplore.guest.domain import Domain
from xenexplore.guest.spec import GuestSpec
from xenexplore.hypervisor.calls import GuestCall
from xenexplore.options.registry import TODAY
from xenexplore.options.variant import Variant
from xenexplore.steps import Copy, Hazard, Move

MULTICALL = 13
GRID = tuple(itertools.product((1, 2), ("none", "sev"), (False, True), (1, 2, 4)))
"""vCPUs, encryption, whether by a multicall, alignment of the buffer."""

LARGE = 600
"""Extents that take two pages: 4,800 bytes."""


def _call(domain: Domain, where: Where, *, caller: int, multi: bool, extents: int) -> GuestCall:
    """Populate, by the last vCPU, alone or as the one entry of a multicall."""
    inner = replace(populate(domain, where, extents), vcpu=caller)
    if not multi:
        return inner
    entry = b"".join(word(value) for value in (inner.number, 0, *inner.args)).ljust(64, b"\0")
    listed = Where("kmalloc", shared=where.shared).put(domain, "list", entry)
    return GuestCall(vcpu=caller, name="multicall", number=MULTICALL, args=(listed.va.value, 1))


def _ran(
    what: Variant, vcpus: int, encryption: str, multi: bool, align: int, *, shared: bool = True
) -> Ran:
    # Two pages with one vCPU, in frames that do not follow each other; else a few bytes.
    extents = LARGE if vcpus == 1 else 5
    where = Where("vmalloc", 0x500 + align, shared=shared)
    maker = functools.partial(_call, caller=vcpus - 1, multi=multi, extents=extents)
    spec = GuestSpec(vcpus=vcpus, encryption=encryption)  # type: ignore[arg-type]
    return run_call(what.design, maker, where, spec=spec, params=dict(what.values))


def _refuses(what: Variant, vcpus: int, encryption: str) -> str:
    """Why the design cannot be used with the guest at all, or ``""``."""
    return refused(what.make(), GuestSpec(vcpus=vcpus, encryption=encryption))  # type: ignore[arg-type]


@functools.cache
def _today(vcpus: int, multi: bool, align: int) -> Ran:
    return _ran(Variant(design=TODAY, label="today"), vcpus, "none", multi, align)


@pytest.mark.parametrize(
    ("vcpus", "encryption", "multi", "align"), GRID,
    ids=lambda value: {True: "multicall", False: "single"}.get(value, str(value))
    if isinstance(value, bool) else str(value),
)  # fmt: skip
@pytest.mark.parametrize("what", shown(), ids=text_of)
def test_every_cell_is_as_the_model_says_and_as_today(
    what: Variant, vcpus: int, encryption: str, multi: bool, align: int
) -> None:
    today = _today(vcpus, multi, align)
    assert today.outcome.status == "right"
    copies = [
        (step.direction, step.handle, step.size)
        for step in (node.step for node in today.xen.nodes) if isinstance(step, Copy)
    ]  # fmt: skip
    args = next(n.step for n in today.xen.nodes if n.step.kind == "hypercall").args
    made = Made(MULTICALL if multi else 12, -1 if multi else 6, copies, args)
    load = workload_of(today.domain.layout, [made])
    said = replay(load, what, 0, encrypted=encryption != "none")
    if _refuses(what, vcpus, encryption):
        assert (said.refused, said.setup.exits) == (said.hypercalls, 0)
        return
    ran = _ran(what, vcpus, encryption, multi, align)
    hazards = [node.step.name for node in ran.xen.nodes if isinstance(node.step, Hazard)]
    if said.refused:
        assert ran.outcome.status == "refused"
        return
    if said.share(AccessVerdict.FAIL):
        assert ran.outcome.status == "error"
        return
    if "not contiguous" in hazards:
        assert vcpus == 1
        assert any(isinstance(n.step, Move) and not n.step.right for n in ran.xen.nodes)
        return
    assert ran.outcome.status == "right"
    assert ran.result == today.result
    assert ran.outcome.calls.bytes_from_guest == today.outcome.calls.bytes_from_guest
    assert ran.outcome.calls.bytes_to_guest == today.outcome.calls.bytes_to_guest
    found, wanted = ran.contents(), today.contents()
    if encryption != "none":  # shared buffers lie elsewhere, and structs hold their addresses
        assert found["extents"] == wanted["extents"]
        assert found.get("list", b"")[8:16] == wanted.get("list", b"")[8:16]
    else:
        assert found == wanted

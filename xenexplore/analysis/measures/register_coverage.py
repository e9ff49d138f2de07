"""Hypercalls that registers alone can carry (FastABI), by sub-op and weighted by use."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xenexplore.analysis.replay.design import replay_model
from xenexplore.analysis.workload.tables import Workload
from xenexplore.options.registry import REGISTERS_ONLY, variant
from xenexplore.options.variant import Variant
from xenexplore.recording.contents.call_names import call_name, sub_op_name

__all__ = ["FastCoverage", "OpFit", "fast_coverage"]


_REGISTERS = variant(REGISTERS_ONLY)


@dataclass(frozen=True, slots=True)
class OpFit:
    """Calls of one sub-op, by one kind of caller.

    Attributes:
        name: hypercall and sub-op; ``user``: made from user space.
        calls: how many; ``accesses``: their guest accesses.
        reason: why registers cannot carry it, or ``""``.
    """

    name: str
    user: bool
    calls: int
    accesses: int
    reason: str


@dataclass(frozen=True, slots=True)
class FastCoverage:
    """One domain's hypercalls.

    Attributes:
        ops: most used first.
        calls, covered: hypercalls, and those that registers can carry.
        accesses, accesses_covered: the same of their guest accesses.
        sub_ops, sub_ops_covered: distinct sub-ops seen, and those that fit
            (any caller).
    """

    ops: tuple[OpFit, ...]
    calls: int
    covered: int
    accesses: int
    accesses_covered: int
    sub_ops: int
    sub_ops_covered: int


def fast_coverage(workload: Workload, domain: int, what: Variant = _REGISTERS) -> FastCoverage:
    """Calls that would fit, by the criterion of the design's replay model (ours).

    What the series itself specifies is less or more: its register maps are
    not in any released tree.
    """
    fits = replay_model(what).refuses_call
    rows = workload.calls_of(domain)
    calls = workload.calls.pick(rows)
    inside = workload.inside(domain)
    per_call = np.bincount(workload.accesses.call[inside], minlength=len(workload.calls))[rows]
    keys = np.stack([calls.number.astype(np.int64), calls.sub_op.astype(np.int64),
                     calls.user.astype(np.int64)])  # fmt: skip
    kinds, group, counts = np.unique(keys, axis=1, return_inverse=True, return_counts=True)
    touched = np.bincount(group.reshape(-1), weights=per_call, minlength=len(counts))
    ops, fitting = [], set()
    for (number, sub_op, user), count, sum_ in zip(
        kinds.T.tolist(), counts.tolist(), touched.tolist(), strict=True
    ):
        sub = sub_op_name(number, sub_op, workload.xen)
        name = call_name(number, workload.xen) + (f".{sub}" if sub else "")
        if not fits(number, sub_op, user=False):
            fitting.add((number, sub_op))
        ops.append(OpFit(name, bool(user), count, int(sum_),
                         fits(number, sub_op, user=bool(user))))  # fmt: skip
    ops.sort(key=lambda op: (-op.calls, op.name, op.user))
    return FastCoverage(
        ops=tuple(ops),
        calls=len(rows),
        covered=sum(op.calls for op in ops if not op.reason),
        accesses=int(per_call.sum()),
        accesses_covered=sum(op.accesses for op in ops if not op.reason),
        sub_ops=len({(n, s) for n, s, _ in kinds.T.tolist()}),
        sub_ops_covered=len(fitting),
    )

"""Findings of a recording about the designs: replay, report, sweep, figures."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import TypeAlias

from xenexplore.analysis.findings import Findings, find
from xenexplore.analysis.measures.cost import read_costs
from xenexplore.analysis.replay.design import DESIGNS, design
from xenexplore.analysis.replay.replays import Replays, replay_designs
from xenexplore.analysis.sweep import Grid, SweepTable
from xenexplore.analysis.sweep import sweep as sweep_points
from xenexplore.analysis.workload.find_workload import find_workload, p2m_order
from xenexplore.analysis.workload.page_sizes import PageSizes
from xenexplore.analysis.workload.tables import Workload
from xenexplore.api.worker_pool import pool_of
from xenexplore.memory.p2m import P2M_ORDERS
from xenexplore.options.registry import Chosen, with_parameters
from xenexplore.options.variant import Variant

__all__ = ["replay", "report", "sweep"]

Recorded: TypeAlias = "Workload | str | PathLike[str]"
"""A workload, a recording's file, a built-in's name, or ``"synthetic"`` with assumptions."""

_GRID = Grid()


def _workload(recording: Recorded, symbols: str | PathLike[str] | None) -> Workload:
    if isinstance(recording, Workload):
        return recording
    return find_workload(recording, symbols)


def replay(
    recording: Recorded,
    designs: Chosen | Sequence[Chosen] | None = None,
    *,
    p2m: str = "4K",
    symbols: str | PathLike[str] | None = None,
    n: int = 400,
    seed: int = 0,
    all: bool = False,  # noqa: A002 - what it says
    **parameters: object,
) -> Replays:
    """Every recorded access under each design: verdicts and counts.

    Args:
        recording: a file, a built-in's name (``"pvh"``), ``"synthetic[:NAME=NUMBER...]"``, or
            a workload that was read before (``xe.read_workload``).
        designs: one or several, each as text (``"software-tlb: entries=8"``), an option's
            class, or a variant; None: all of them.
        p2m: page size of the P2M, which is not recorded: ``"4K"``, ``"2M"``, ``"1G"``.
        symbols: the guest kernel's ``/proc/kallsyms``; built-in recordings have their own.
        n: for a design without a replay model, the number of hypercalls run by the step-by-step
            machine: a stratified sample, with 95% intervals.
        seed: seed of the sample.
        all: replay each hypercall instead, in order (minutes).
        parameters: parameters of the designs by name, for each that has such a one.

    Raises:
        MachineError: there is no such design or parameter, or it cannot be replayed.
        InputError: there is no such page size or assumption.
        RecordingError: the recording is damaged.
        OSError: a file cannot be read.

    >>> rows = replay("synthetic:calls=50:tasks=2", "software-tlb", register=["directmap"])
    >>> rows[0].design.label
    'software-tlb: register=directmap'
    """
    chosen = _designs(designs, parameters)
    shape = PageSizes(p2m_order=p2m_order(p2m))
    load = _workload(recording, symbols)
    return replay_designs(load, chosen, shape=shape, n=n, seed=seed, all=all)


def _designs(
    designs: Chosen | Sequence[Chosen] | None, parameters: dict[str, object]
) -> Sequence[Variant]:
    if designs is None:
        chosen: Sequence[Variant] = DESIGNS
    elif isinstance(designs, Sequence) and not isinstance(designs, str):
        chosen = [design(one) for one in designs]
    else:
        chosen = [design(designs)]
    return [design(one) for one in with_parameters(chosen, parameters)] if parameters else chosen


def report(
    recording: Recorded,
    *,
    p2m: str = "4K",
    symbols: str | PathLike[str] | None = None,
    costs: str | PathLike[str] | None = None,
    designs: Chosen | Sequence[Chosen] | None = None,
) -> Findings:
    """Findings of a recording about the designs; the text is one page for a mail.

    Args:
        recording: as for ``xe.replay``.
        p2m: page size of the P2M, which is not recorded: ``"4K"``, ``"2M"``, ``"1G"``.
        symbols: the guest kernel's ``/proc/kallsyms``; built-in recordings have their own.
        costs: a cost table (TOML) of your own, or ``"guessed-ns"``; default: instructions,
            the recording's own counts or the built-in ones.
        designs: the designs to replay, as for ``xe.replay``; default: all.

    Raises:
        InputError: there is no such page size, or the cost table is malformed.
        RecordingError: the recording is damaged.
        OSError: a file cannot be read.

    >>> report("synthetic:calls=50:tasks=2:vcpus=1")
    <Findings synthetic: 50 hypercalls of dom1>
    """
    table = read_costs(costs) if costs is not None else None
    shape = PageSizes(p2m_order=p2m_order(p2m))
    chosen = _designs(designs, {})
    return find(_workload(recording, symbols), table, designs=chosen, shape=shape)


def sweep(
    recordings: str | Sequence[str],
    *,
    register: Sequence[str] = _GRID.register,
    entries: Sequence[int] = _GRID.entries,
    policy: Sequence[str] = _GRID.policies,
    scope: Sequence[str] = _GRID.scopes,
    p2m: Sequence[str] = tuple(P2M_ORDERS),
    workers: int = 1,
) -> SweepTable:
    """A grid of entries, policies, scopes and page sizes over recordings.

    Args:
        recordings: one or several, each a file or a built-in's name.
        register: the regions to register, joined by plus signs, or ``"on-miss"``.
        entries: numbers of slots in one table.
        policy: the policies of a full table.
        scope: ``"vcpu"``, ``"domain"``.
        p2m: page sizes of the P2M.
        workers: number of processes.

    Raises:
        InputError: there is no such page size.
        MachineError: a parameter that the design does not take.
        RecordingError: a recording is damaged.
        OSError: a file cannot be read.

    >>> sweep("synthetic:calls=50:tasks=2:vcpus=1", entries=[4], policy=["lru"], p2m=["4K"])
    <SweepTable: 4 rows>
    """
    grid = Grid(
        register=tuple(register), entries=tuple(entries), policies=tuple(policy),
        scopes=tuple(scope), p2m_orders=tuple(map(p2m_order, p2m)),
    )  # fmt: skip
    names = [recordings] if isinstance(recordings, str) else list(recordings)
    with pool_of(workers) as pool:
        return sweep_points(grid.points(names), pool)

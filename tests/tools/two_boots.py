"""Record one boot twice with the real recorder, and hold both against what is known of it.

Usage: python tests/tools/two_boots.py [--folder DIR] [--setup] [--keep DIR] [--slow-clock TIMES]

A boot of a PVH dom0 on one vCPU, twice: the same calls in the same order but for
timers and the console (why: see :data:`CLOCKED`), all explained by the catalogue, and every
walk of a 4 KiB and a 2 MiB mapping at the shipped recording's instructions.
``--setup`` prepares what is missing first (300 MB to download, 0.9 GB on disk).  Where the
setup is not there, or cannot be had, it says so and exits with 77.  The guest's clock runs
eight times slower than this machine's, so that a busy machine is one that takes longer.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np

from xenexplore.errors import RecorderError
from xenexplore.recording.format.columns import Recording
from xenexplore.recording.format.header import GuestKind
from xenexplore.recording.format.reader import read_recording
from xenexplore.recording.recorder import Options, RecorderSetup, record
from xenexplore.recording.recorder.machine import BootEnding
from xenexplore.recording.recorder.setup import default_folder

CANNOT = 77
CONSOLE_IO, VCPU_OP = 18, 24
TIMERS = (6, 7, 8, 9)  # VCPUOP_*_{periodic,singleshot}_timer, xen/include/public/vcpu.h
"""Sub-ops of vcpu_op that set or stop a timer."""
CLOCKED = {
    "timers": "how often one is set depends on how fast the emulator ran",
    "console_io": "the kernel's messages hold time stamps and measured speeds, so lengths differ",
}
# Instructions of a walk of Xen 4.17.7 without an interrupt, by level of the mapping.
WALKS = {1: 3605, 2: 2881}

Call = tuple[bool, int, int, int, int, tuple[tuple[int, int], ...]]


def steady(recording: Recording) -> list[Call]:
    """Kind, number, sub-op, domain, vCPU and copies of each call that no clock rules, in order.

    A copy is its direction and its size; addresses differ where the guest allocates.
    """
    return [call for call in _calls(recording) if not _clocked(call)]


def _clocked(call: Call) -> bool:
    return call[1] == CONSOLE_IO or (call[1] == VCPU_OP and call[2] in TIMERS)


def _calls(recording: Recording) -> Iterator[Call]:
    calls, accesses = recording.calls, recording.accesses
    start = recording.access_start.tolist()
    inside = accesses.inside.tolist()
    copies = list(zip(accesses.direction.tolist(), accesses.size.tolist(), strict=True))
    low = (calls.args[:, 0] & np.uint64(0xFFFF_FFFF)).tolist()
    for row, number in enumerate(calls.number.tolist()):
        mine = tuple(copies[at] for at in range(start[row], start[row + 1]) if inside[at])
        sub_op = low[row] if number != CONSOLE_IO else 0
        yield (bool(calls.kind[row]), number, sub_op, int(calls.domain[row]),
               int(calls.vcpu[row]), mine)  # fmt: skip


def differences(one: Recording, other: Recording) -> list[str]:
    """Where two runs' steady calls differ, in order; empty if they are equal."""
    first, second = steady(one), steady(other)
    if first == second:
        return []
    matcher = SequenceMatcher(None, first, second, autojunk=False)
    return [
        f"{first[a:b][:3]} against {second[c:d][:3]}, at {a} of {len(first)}"
        for what, a, b, c, d in matcher.get_opcodes()
        if what != "equal"
    ]


def walks_off(recording: Recording) -> list[str]:
    """Levels of mappings whose fewest instructions are not the known ones, or the median is far."""
    found = []
    assert recording.counts is not None
    counts = recording.counts.walks.instructions
    for level, known in WALKS.items():
        mine = counts[recording.walks.level == level]
        least, middle = (int(mine.min()), int(np.median(mine))) if len(mine) else (0, 0)
        # Interrupts are in the counts: a few more in the middle of few walks.
        if least != known or middle - known > 10:
            found.append(f"level {level}: {least} at least, {middle} in the middle, not {known}")
    return found


def main(argv: list[str] | None = None) -> int:
    """Record, compare, say; 0 if all holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=default_folder())
    parser.add_argument("--setup", action="store_true")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--slow-clock", type=int, default=8)
    args = parser.parse_args(argv)
    setup = RecorderSetup(args.folder)
    try:
        if args.setup:
            setup.run(print)
        if not setup.ready():
            print(f"two boots: not recorded: no setup in {args.folder}")
            return CANNOT
    except RecorderError as error:
        print(f"two boots: not recorded: {error}")
        return CANNOT
    with tempfile.TemporaryDirectory() as made:
        place = args.keep or Path(made)
        place.mkdir(parents=True, exist_ok=True)
        outs = [place / f"boot{number}.jsonl.zst" for number in (1, 2)]
        return judge([_record(args.folder, out, args.slow_clock) for out in outs])


def _record(folder: Path, out: Path, slow: int) -> Recording:
    options = Options(kind=GuestKind.PVH, out=out, folder=folder, domu_vcpus=0, slow=slow)
    began = time.monotonic()
    found = record(options, lambda *_: None, print)
    print(f"{out.name}: {len(found.recording.calls)} hypercalls, {found.unexplained} unexplained, "
          f"{time.monotonic() - began:.0f} s", flush=True)  # fmt: skip
    assert found.unexplained == 0
    if found.ending is not BootEnding.DONE:
        print(f"{out.name}: {found.ending.value} before the boot was done; is the machine busy?")
        sys.exit(1)
    return read_recording(out)


def judge(recordings: list[Recording]) -> int:
    """Say what does not hold; 1 if anything."""
    wrong = [text for recording in recordings for text in walks_off(recording)]
    wrong += differences(*recordings)
    for text in wrong:
        print(f"two boots: {text}")
    same = len(steady(recordings[0]))
    print(f"two boots: {len(wrong)} faults; {same} calls of "
          f"{len(recordings[0].calls)} are ruled by no clock")  # fmt: skip
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())

"""The walk against an emulated CPU: random tables, entries, registers and accesses.

Run from ``tests/``:  ``python -m oracles.unicorn_walk --cases 1000000 --seed 1``

Each case builds one random path of page tables, executes one access on the
CPU emulator (see :mod:`oracles.cpu`) and compares with
``walk(..., Manner.CPU)`` and ``apply_updates``: translated or not, the value
found at the translated address, vector, error code, CR2, and every byte of
memory afterwards: so the A and D bits, wherever they were set, and the byte stored.

Left out here because the emulator is known to be wrong, and held to
:mod:`oracles.manual_walk` (written from the manuals in another style) instead: reserved
bits of PAE's top entries, and MAXPHYADDR other than 40.  What no instruction of one
access can do there: implicit supervisor accesses, CPUs without 1 GiB pages or
PSE36, IA32_PKRS, bit 8 of AMD's top entries.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from oracles.cpu import CR0_BASE, CR4_BASE, FIRST_FREE_FRAME, FRAMES, Cpu, Outcome

from xenexplore.addr import canonical
from xenexplore.paging import Access, Manner, Mode, PagingState, Walk, WalkEnd, apply_updates, walk

__all__ = ["Case", "compare", "machines", "random_case", "run_cases"]

SIZE = FRAMES << 12
FIRST_DATA_FRAME = 32
MODES = (Mode.LEVEL4, Mode.LEVEL5, Mode.PAE, Mode.LEGACY)
_EXTRA_CR4 = (1 << 20, 1 << 21, 1 << 22, 1 << 7, 1 << 4)


class Bytes:
    """Guest-physical memory in a bytearray; past its end the emulator reads zeroes."""

    def __init__(self, content: bytes) -> None:
        self.content = bytearray(content)

    def read(self, gpa: int, size: int) -> bytes:
        if gpa + size > SIZE:
            return bytes(size)
        return bytes(self.content[gpa : gpa + size])

    def write(self, gpa: int, data: bytes) -> bool:
        if gpa + len(data) > SIZE:
            return False
        self.content[gpa : gpa + len(data)] = data
        return True


@dataclass(frozen=True)
class Case:
    """Registers, an access, and the table entries it meets: (address, value, size)."""

    state: PagingState
    linear: int
    access: Access
    entries: tuple[tuple[int, int, int], ...]


def machines() -> dict[tuple[Mode, int], Cpu]:
    """One CPU for each paging mode and ring, with data frames filled."""
    found = {(mode, ring): Cpu(mode, ring) for mode in MODES for ring in (0, 3)}
    for cpu in found.values():
        for at in range(FIRST_DATA_FRAME << 12, SIZE, 8):
            # mov eax, id; int3: a value that no other slot has, and a way out.
            cpu.poke(at, b"\xb8" + (at >> 3).to_bytes(4, "little") + b"\xcc\x90\x90")
    return found


def random_case(rng: random.Random, mode: Mode, ring: int) -> Case:
    """Draw a case: mostly valid, each thing that can go wrong once in a while."""
    wide = mode in (Mode.LEVEL4, Mode.LEVEL5)
    cr4 = CR4_BASE | {Mode.LEGACY: 0, Mode.LEVEL5: 1 << 5 | 1 << 12}.get(mode, 1 << 5)
    for bit in _EXTRA_CR4:
        if rng.random() < 0.5 and (wide or bit != 1 << 22):
            cr4 |= bit
    nxe = rng.random() < 0.7
    kind = rng.choice(("read", "write", "fetch"))
    access = Access(write=kind == "write", fetch=kind == "fetch", user=ring == 3)
    root = rng.randrange(FIRST_FREE_FRAME, FIRST_DATA_FRAME) << 12
    cr3 = root | (rng.randrange(128) << 5 if mode is Mode.PAE else 0)
    state = PagingState(
        cr0=CR0_BASE | (rng.random() < 0.6) << 16,
        cr3=cr3,
        cr4=cr4,
        efer=(0x500 if wide else 0) | nxe << 11,
        eflags=2 | (rng.random() < 0.5) << 18,
        pkru=rng.getrandbits(32) if wide else 0,
        cpl=ring,
        maxphyaddr=40,
    )
    linear = _random_linear(rng, mode)
    if access.fetch and wide:
        linear = canonical(linear, mode.linear_bits)
    return Case(state, linear, access, tuple(_random_entries(rng, state, linear, nxe)))


def _random_linear(rng: random.Random, mode: Mode) -> int:
    bits = mode.linear_bits
    top = 2 if mode is Mode.PAE else 10 if mode is Mode.LEGACY else 9
    slot = rng.randrange((1 << top) - 1)  # the last slot holds the code
    below = bits - top
    low = slot << below | rng.getrandbits(below)
    if rng.random() < 0.6:  # low bits that keep superpages at 0 inside RAM
        keep = rng.choice((21, 22, 30))
        low = low & ~((1 << keep) - 1) | rng.randrange(SIZE) & ((1 << keep) - 1)
    low &= ~7
    if bits == 32:
        return low & 0xFFFFFFFF
    if rng.random() < 0.05:
        return rng.getrandbits(64) & ~7
    # The drawn slot must not become the code's when the low bits changed.
    return canonical(low, bits)


def _random_entries(
    rng: random.Random, state: PagingState, linear: int, nxe: bool
) -> Iterator[tuple[int, int, int]]:
    plan, mode = state.plan, state.mode
    size = plan.entry_size
    user = 0.93 if state.cpl == 3 else 0.8
    table = state.cr3 & (~31 if mode is Mode.PAE else ~0xFFF)
    for level in plan.numbers:
        width = 10 if mode is Mode.LEGACY else 9
        index = linear >> 12 + width * (level - 1) & ((1 << width) - 1)
        if mode is Mode.PAE and level == 3:
            index &= 3
        entry = _random_entry(rng, mode, level, nxe=nxe, user=user)
        yield table + index * size, entry, size
        if entry & 1 << 7 and level > 1:
            return  # a superpage, or reserved, or (32-bit without PSE) a table at 0
        table = entry & (0xFFFFF000 if mode is Mode.LEGACY else 0xFF_FFFF_F000)
        if table >= SIZE:
            return


def _random_entry(rng: random.Random, mode: Mode, level: int, *, nxe: bool, user: float) -> int:
    def chance(share: float) -> bool:
        return rng.random() < share

    leaf_frames = (FIRST_DATA_FRAME, FRAMES) if chance(0.85) else (FIRST_FREE_FRAME, FRAMES)
    frames = leaf_frames if level == 1 else (FIRST_FREE_FRAME, FIRST_DATA_FRAME)
    entry = rng.randrange(*frames) << 12 | chance(0.96)
    if mode is Mode.PAE and level == 3:  # its reserved bits are not checked by the emulator
        return entry | rng.choice((0, 0x18, 0xE00))
    entry |= chance(0.8) << 1 | chance(user) << 2 | rng.getrandbits(2) << 3
    entry |= rng.getrandbits(2) << 5 | rng.getrandbits(4) << 8
    if level == 1:
        entry |= chance(0.5) << 7
    elif chance(0.25 if level <= 3 else 0.02):
        # As a superpage: mostly the one at 0, so that RAM is behind it.
        keep = 0x1FFF if chance(0.9) else (1 << 22) - 1
        entry = entry & 0xFFF | rng.getrandbits(32) & keep & ~0xFFF | 1 << 7
    if mode is not Mode.LEGACY:
        entry |= chance(0.1 if nxe else 0.02) << 63
        if chance(0.03):
            entry |= 1 << rng.randrange(40, 52)
        if chance(0.03) or mode is not Mode.PAE:
            entry |= rng.getrandbits(11) << 52
    return entry


def compare(cpu: Cpu, case: Case) -> tuple[str | None, Walk | None]:
    """Run one case both ways: what differs, or None; and our walk, or None if skipped."""
    memory = Bytes(cpu.base)
    for at, value, size in case.entries:
        memory.write(at, value.to_bytes(size, "little"))
    cpu.write_code_slot(memory.content, case.state.cr3)
    before = bytes(memory.content)
    ours = walk(memory, case.state, case.linear, case.access, Manner.CPU)
    if case.access.fetch and ours.ok and not FIRST_DATA_FRAME << 12 <= (ours.gpa_value or 0) < SIZE:
        return None, None  # nothing there that may be executed
    if case.access.write and ours.ok and (ours.gpa_value or 0) < FIRST_FREE_FRAME << 12:
        return None, None  # the store would change the code that makes it
    if case.state.mode is Mode.PAE and ours.end is WalkEnd.RESERVED and ours.failed_level == 3:
        return None, None  # the emulator does not look at these bits
    seen = cpu.run(case.state, case.linear, case.access, before)
    apply_updates(ours, memory)
    _imitate_gib_quirk(ours, memory)
    if ours.ok:
        assert ours.gpa_value is not None
        if case.access.write:
            memory.write(ours.gpa_value, b"\x5a")
        wrong = _compare_done(ours, seen, memory)
    else:
        wrong = _compare_fault(ours, seen)
    if wrong is None and cpu.after() != bytes(memory.content):
        after = cpu.after()
        at = next(i for i in range(SIZE) if after[i] != memory.content[i])
        wrong = f"memory at {at:#x}: CPU {after[at]:#x}, ours {memory.content[at]:#x}"
    return wrong, ours


def _imitate_gib_quirk(ours: Walk, memory: Bytes) -> None:
    """The emulator sets A in a 1 GiB leaf before it looks at alignment and rights.

    The manuals have no such exception; its 2 MiB and 4 KiB leaves do not do it.
    """
    if ours.ok or not ours.levels or ours.levels[-1].number != 3:
        return
    level = ours.state.plan.levels[len(ours.entries) - 1]
    entry = ours.entries[-1]
    if entry & 1 and entry & level.large and not entry & level.reserved:
        memory.write(ours.levels[-1].entry_at.value, (entry | 0x20).to_bytes(8, "little"))


def _compare_done(ours: Walk, seen: Outcome, memory: Bytes) -> str | None:
    if seen.vector is not None:
        return f"ours translated to {ours.gpa}, the CPU raised {seen}"
    if ours.gpa_value + 4 > SIZE:
        return None if seen.unmapped or not ours.access.fetch else f"expected no memory: {seen}"
    if seen.unmapped:
        return f"ours translated to {ours.gpa}, the CPU went outside memory"
    if ours.access.write:
        return None  # the byte is in memory, which is compared
    offset = 1 if ours.access.fetch else 0
    wanted = int.from_bytes(memory.read(ours.gpa_value + offset, 4), "little")
    return None if seen.value == wanted else f"value {seen.value:#x}, ours {wanted:#x}"


def _compare_fault(ours: Walk, seen: Outcome) -> str | None:
    if ours.end is WalkEnd.NOT_CANONICAL:
        return None if seen.vector == 13 else f"expected #GP, the CPU gave {seen}"
    wanted = (14, ours.error_code, ours.va)
    got = (seen.vector, seen.error_code, seen.cr2)
    return None if got == wanted else f"{ours.end.name}: expected {wanted}, the CPU gave {seen}"


def run_cases(count: int, seed: int) -> tuple[Counter[str], list[str]]:
    """Run ``count`` cases; returns how walks ended, and the differences."""
    rng = random.Random(seed)
    cpus = machines()
    for cpu in cpus.values():
        cpu.base = cpu.after()
    ends: Counter[str] = Counter()
    wrong: list[str] = []
    for number in range(count):
        mode, ring = MODES[number % 4], (0, 3)[number // 4 % 2]
        case = random_case(rng, mode, ring)
        difference, ours = compare(cpus[mode, ring], case)
        ends["skipped" if ours is None else ours.end.name] += 1
        if difference is not None:
            wrong.append(
                f"case {number} of seed {seed}, {mode.name}, ring {ring}: {difference}; {case}"
            )
    return ends, wrong


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    ends, wrong = run_cases(asked.cases, asked.seed)
    for name, count in sorted(ends.items()):
        print(f"{count:9d}  {name}")
    for line in wrong[:20]:
        print(line)
    print(f"{asked.cases} cases, seed {asked.seed}: {len(wrong)} differences")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

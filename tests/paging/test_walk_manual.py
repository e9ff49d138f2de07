"""The walk against the manuals' rules (what the CPU emulator cannot do, and all the rest)."""

from __future__ import annotations

import itertools
import random

from oracles.manual_walk import Machine, Request, translate

from xenexplore.paging import Access, Mode, PagingState, walk

MODES = {
    Mode.LEGACY: "32-bit",
    Mode.PAE: "PAE",
    Mode.LEVEL4: "4-level",
    Mode.LEVEL5: "5-level",
}
ROOT = 0x1000
SIZE = 0x20000


class Flat:
    def __init__(self):
        self.content = bytearray(SIZE)

    def read(self, gpa, size):
        if gpa + size > SIZE:
            return bytes(size)
        return bytes(self.content[gpa : gpa + size])

    def put(self, gpa, value, size):
        if gpa + size <= SIZE:
            self.content[gpa : gpa + size] = value.to_bytes(size, "little")


def as_state(mode: Mode, m: Machine) -> PagingState:
    wide = mode in (Mode.LEVEL4, Mode.LEVEL5)
    flags = (
        (4, m.pse),
        (5, mode is not Mode.LEGACY),
        (12, mode is Mode.LEVEL5),
        (20, m.smep),
        (21, m.smap),
        (22, m.pke),
        (24, m.pks),
    )
    return PagingState(
        cr0=1 << 31 | m.wp << 16 | 1, cr3=m.cr3, cr4=sum(on << bit for bit, on in flags),
        efer=(0x500 if wide else 0) | m.nxe << 11, eflags=2 | m.ac << 18,
        pkru=m.pkru, pkrs=m.pkrs, maxphyaddr=m.maxphyaddr,
        page1gb=m.page1gb, pse36=m.pse36, amd=m.amd,
    )  # fmt: skip


REQUESTS = [
    *(Request(kind, user=user) for kind in ("read", "write", "fetch") for user in (False, True)),
    Request("read", implicit=True),
    Request("write", implicit=True),
]


def as_access(r: Request) -> Access:
    return Access(
        write=r.kind == "write", fetch=r.kind == "fetch", user=r.user, implicit=r.implicit
    )


def agree(memory: Flat, mode: Mode, m: Machine, r: Request, linear: int) -> str:
    ours = walk(memory, as_state(mode, m), linear, as_access(r))
    theirs = translate(memory.read, m, r, linear)
    mine = ("ok", ours.gpa_value) if ours.ok else ("fault", ours.error_code)
    assert mine == theirs, (ours, m, r, hex(linear))
    return ours.end.name


def random_machine(rng: random.Random, mode: Mode) -> Machine:
    def coin() -> bool:
        return rng.random() < 0.5

    return Machine(
        MODES[mode], cr3=ROOT | (rng.randrange(100) << 5 if mode is Mode.PAE else 0),
        wp=coin(), pse=rng.random() < 0.8, smep=coin(), smap=coin(), pke=coin(), pks=coin(),
        nxe=rng.random() < 0.7, ac=coin(), pkru=rng.getrandbits(32), pkrs=rng.getrandbits(32),
        maxphyaddr=rng.choice((32, 36, 39, 40, 46, 48, 52)), page1gb=rng.random() < 0.7,
        pse36=rng.random() < 0.7, amd=coin(),
    )  # fmt: skip


def random_tables(rng: random.Random, memory: Flat, mode: Mode, m: Machine, linear: int) -> None:
    plan = as_state(mode, m).plan
    table = m.cr3 & ~31
    for place, shift in enumerate(plan.page_shifts):
        entry = rng.randrange(2, SIZE >> 12) << 12 | (rng.random() < 0.97)
        for bit, share in ((1, 0.8), (2, 0.8), (7, 0.3 if place else 0.03), (63, 0.08)):
            entry |= (rng.random() < share) << bit
        entry |= rng.getrandbits(4) << 59 | rng.getrandbits(2) << 3 | rng.getrandbits(3) << 9
        if rng.random() < 0.5:
            entry |= 0x60
        if rng.random() < 0.05:
            entry |= 1 << rng.randrange(8, 63)
        if entry & 0x80 and rng.random() < 0.8:
            entry &= ~(0x1F << 12)
        if mode is Mode.PAE:
            entry &= ~(0x7FF << 52)
            if place == 0 and rng.random() < 0.9:
                entry &= ~0x1E6 & ~(1 << 63)
        size = plan.entry_size
        width = 2 if mode is Mode.PAE and not place else 10 if size == 4 else 9
        entry &= (1 << 8 * size) - 1
        memory.put(table + (linear >> shift) % (1 << width) * size, entry, size)
        table = entry & 0xFFFFFFFFFF000


def test_random_tables_and_registers():
    rng = random.Random(4177)
    ends = set()
    for number in range(8_000):
        mode = list(MODES)[number % 4]
        m = random_machine(rng, mode)
        linear = rng.getrandbits(mode.linear_bits)
        memory = Flat()
        random_tables(rng, memory, mode, m, linear)
        ends.add((mode, agree(memory, mode, m, rng.choice(REQUESTS), linear)))
    # Every way to end was met in every mode that has it.
    assert len(ends) >= 4 * 7 + 2


def test_every_combination_of_rights_and_registers():
    """All accesses, all rights at two levels, all of WP, SMEP, SMAP, AC, NXE."""
    linear = 0x5008
    for rights in itertools.product((0, 1), repeat=5):
        upper_us, upper_rw, us, rw, nx = rights
        memory = Flat()
        memory.put(ROOT, 0x2007, 8)
        memory.put(0x2000, 0x3001 | upper_rw << 1 | upper_us << 2, 8)
        memory.put(0x3000, 0x4007, 8)
        memory.put(0x4028, 0x5001 | rw << 1 | us << 2 | nx << 63, 8)
        for wp, smep, smap, ac, nxe in itertools.product((False, True), repeat=5):
            m = Machine("4-level", ROOT, wp=wp, smep=smep, smap=smap, ac=ac, nxe=nxe)
            for request in REQUESTS:
                agree(memory, Mode.LEVEL4, m, request, linear)


def test_every_protection_key_and_register():
    """All 16 keys, AD and WD, user and supervisor pages, PKE, PKS and WP, all accesses."""
    for key, us, rw in itertools.product(range(16), (0, 1), (0, 1)):
        memory = Flat()
        memory.put(ROOT, 0x2007 | (key ^ 5) << 59, 8)  # keys of upper levels mean nothing
        memory.put(0x2000, 0x3007, 8)
        memory.put(0x3000, 0x4007, 8)
        memory.put(0x4028, 0x5001 | rw << 1 | us << 2 | key << 59, 8)
        for denied, pke, pks, wp in itertools.product(range(4), *[(False, True)] * 3):
            register = denied << 2 * key
            m = Machine("4-level", ROOT, wp=wp, pke=pke, pks=pks, pkru=register, pkrs=register)
            for request in REQUESTS:
                agree(memory, Mode.LEVEL4, m, request, 0x5008)
            other = Machine("4-level", ROOT, pke=True, pks=True, pkru=~register & 0xFFFFFFFF)
            agree(memory, Mode.LEVEL4, other, REQUESTS[0], 0x5008)


def test_every_single_bit_of_every_entry():
    """Each of 64 (32) bits set alone in a sound entry of each level, in each mode and CPU."""
    for mode, name in MODES.items():
        legacy = mode is Mode.LEGACY
        for amd, special, nxe in itertools.product((False, True), repeat=3):
            if (legacy and (amd or not nxe)) or (mode is Mode.PAE and (amd or special)):
                continue  # nothing that these would change
            for width in (32, 36, 40, 52) if legacy else (36, 46, 52):
                m = Machine(
                    name, ROOT, amd=amd, page1gb=special, pse36=special, nxe=nxe, maxphyaddr=width
                )
                plan = as_state(mode, m).plan
                size = plan.entry_size
                for place, bit, large in itertools.product(
                    range(len(plan.levels)), range(8 * size), (0, 0x80)
                ):
                    memory = Flat()
                    for level in range(len(plan.levels)):
                        top = mode is Mode.PAE and level == 0
                        entry = (0x2000 + 0x1000 * level) | (1 if top else 7)
                        if level == place:
                            entry = (entry if not large else entry & 0xFFF | large) ^ 1 << bit
                        memory.put(ROOT + 0x1000 * level, entry, size)
                    agree(memory, mode, m, REQUESTS[0], 0)

"""A synthetic 1 GiB guest for benchmarks: a busy kernel's page tables, memory otherwise empty."""

from __future__ import annotations

from pathlib import Path

import numpy as np

SIZE = 1 << 30
DIRECTMAP = 0xFFFF888000000000
VMALLOC = 0xFFFFC90000000000
TEXT = 0xFFFFFFFF81000000
USER = 0x00005580_00000000
P, RW, US, A, D, PS, G = 1, 2, 4, 0x20, 0x40, 0x80, 0x100
NX = 1 << 63


def write_guest(path: Path, seed: int) -> int:
    """Write the guest's raw memory (a sparse file) and return its CR3.

    All of RAM in the direct map, a quarter of it in 4 KiB pages; 150,000
    scattered pages of vmalloc and of a process each; and a kernel's text.
    """
    rng = np.random.default_rng(seed)
    leaves: list[tuple[int, int, int]] = []
    for chunk in range(SIZE >> 21):
        flags = P | RW | A | D | G | NX
        start = chunk << 21
        if chunk % 4:
            leaves.append((DIRECTMAP + start, 2, start | flags | PS))
        else:
            leaves += [
                (DIRECTMAP + start + o, 1, start + o | flags) for o in range(0, 1 << 21, 4096)
            ]
    for base, flags in ((VMALLOC, P | RW | A | D | NX), (USER, P | RW | US | A | D)):
        pages = np.sort(rng.choice(1 << 19, 150_000, replace=False)).tolist()
        frames = rng.integers(256, SIZE >> 12, len(pages)).tolist()
        for page, frame in zip(pages, frames, strict=True):
            leaves.append(
                (base + (page << 12), 1, frame << 12 | flags & ~(RW if page % 7 == 0 else 0))
            )
    leaves += [(TEXT + (n << 21), 2, (n + 8) << 21 | P | A | PS | G) for n in range(12)]
    return _store(path, leaves)


def _store(path: Path, leaves: list[tuple[int, int, int]]) -> int:
    """Build the tables at the top of RAM and write the file."""
    tables: dict[int, dict[int, int]] = {}
    next_frame = SIZE >> 12

    def new_table() -> int:
        nonlocal next_frame
        next_frame -= 1
        tables[next_frame] = {}
        return next_frame

    root = new_table()
    for linear, level, entry in leaves:
        table = root
        for step in range(4, level, -1):
            index = linear >> (12 + 9 * (step - 1)) & 511
            if index not in tables[table]:
                tables[table][index] = new_table() << 12 | P | RW | US | A
            table = tables[table][index] >> 12
        tables[table][linear >> (12 + 9 * (level - 1)) & 511] = entry
    with path.open("wb") as file:
        file.truncate(SIZE)
        for frame, entries in tables.items():
            words = np.zeros(512, "<u8")
            words[list(entries)] = np.array(list(entries.values()), np.uint64)
            file.seek(frame << 12)
            file.write(words.tobytes())
    return root << 12

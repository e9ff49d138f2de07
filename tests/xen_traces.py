"""Files as xentrace writes them (xen/include/public/trace.h), for tests."""

from __future__ import annotations

import struct
from collections.abc import Iterable

Event = tuple[str, *tuple[int, ...]]


def record(event: int, *words: int, tsc: int | None = None) -> bytes:
    """One struct t_rec."""
    head = event | len(words) << 28 | (0 if tsc is None else 1 << 31)
    stamp = b"" if tsc is None else struct.pack("<Q", tsc)
    return struct.pack("<I", head) + stamp + struct.pack(f"<{len(words)}I", *words)


def trace_of(events: Iterable[Event]) -> bytes:
    """A file of ``cpu N``, ``run D V``, ``exit``, ``hvm N``, ``pv N [CMD]``, ``lost N D V``."""
    parts, tsc = [], 1000
    for what, *args in events:
        tsc += 100
        match what:
            case "cpu":
                parts.append(record(0x1F003, args[0], 4096))
            case "run":  # blocked or runnable (1) to running (0)
                parts.append(record(0x21001 | 1 << 8, args[0] << 16 | args[1], tsc=tsc))
            case "stop":
                parts.append(record(0x21001 | 2 << 4, args[0] << 16 | args[1], tsc=tsc))
            case "exit":
                parts.append(record(0x81002, 0x81, 0, 0, tsc=tsc))
            case "hvm":
                parts.append(record(0x82012, args[0]))
            case "pv":
                known = len(args) > 1
                parts.append(record(0x20110D, args[0] | (1 << 20 if known else 0), *args[1:],
                                    tsc=tsc))  # fmt: skip
            case "lost":
                parts.append(record(0x1F001, args[0], args[2] << 16 | args[1], 0, 0, tsc=tsc))
            case _:
                raise ValueError(what)
    return b"".join(parts)

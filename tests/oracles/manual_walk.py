"""Translation as the manuals tell it, slowly and in another style than the product.

Entries are strings of 64 characters, most significant bit first; rules are
looked up in tables copied, row by row, from Intel SDM vol. 3, 4.3 to 4.7, and AMD APM
vol. 2, 5.3 to 5.6.  For what the CPU emulator cannot do or does wrong; it shares no code with
``xenexplore.paging``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Machine", "Request", "translate"]


@dataclass(frozen=True)
class Machine:
    """Registers and CPU, one flag each."""

    mode: str  # "32-bit", "PAE", "4-level", "5-level"
    cr3: int
    wp: bool = True
    pse: bool = True
    smep: bool = False
    smap: bool = False
    pke: bool = False
    pks: bool = False
    nxe: bool = True
    ac: bool = False
    pkru: int = 0
    pkrs: int = 0
    maxphyaddr: int = 52
    page1gb: bool = True
    pse36: bool = True
    amd: bool = False


@dataclass(frozen=True)
class Request:
    kind: str  # "read", "write", "fetch"
    user: bool = False
    implicit: bool = False


Answer = tuple[str, int]  # ("ok", physical address) or ("fault", error code)

# mode: (level name, lowest bit of its index, number of index bits), from the top
_FIELDS = {
    "32-bit": (("PDE", 22, 10), ("PTE", 12, 10)),
    "PAE": (("PDPTE", 30, 2), ("PDE", 21, 9), ("PTE", 12, 9)),
    "4-level": (("PML4E", 39, 9), ("PDPTE", 30, 9), ("PDE", 21, 9), ("PTE", 12, 9)),
    "5-level": (
        ("PML5E", 48, 9),
        ("PML4E", 39, 9),
        ("PDPTE", 30, 9),
        ("PDE", 21, 9),
        ("PTE", 12, 9),
    ),
}


def _bits(entry: str, high: int, low: int) -> str:
    return entry[63 - high : 64 - low]


def _number(entry: str, high: int, low: int) -> int:
    return int(_bits(entry, high, low), 2) << low


def _set(entry: str, bit: int) -> bool:
    return _bits(entry, bit, bit) == "1"


def _reserved(m: Machine, name: str, entry: str) -> bool:
    """Whether any bit that the tables of the manuals mark reserved is set."""
    if m.mode == "32-bit":
        if name == "PTE" or not m.pse or not _set(entry, 7):
            return False
        if not m.pse36:
            return "1" in _bits(entry, 21, 13)
        # Bits 20:13 hold address bits 39:32; those past MAXPHYADDR, and bit 21, are reserved.
        beyond = [13 + i for i in range(8) if 32 + i >= m.maxphyaddr]
        return _set(entry, 21) or any(_set(entry, bit) for bit in beyond)
    marks = set(range(m.maxphyaddr, 52))
    if not m.nxe:
        marks.add(63)
    if m.mode == "PAE":
        marks |= set(range(52, 63))
        if name == "PDPTE":
            marks |= {63, 1, 2, 5, 6, 7, 8}
    elif name in ("PML5E", "PML4E"):
        marks.add(7)
        if m.amd:
            marks.add(8)
    elif name == "PDPTE":
        marks |= set(range(13, 30)) if _set(entry, 7) and m.page1gb else set()
        marks |= set() if m.page1gb else {7}
    if name == "PDE" and _set(entry, 7):
        marks |= set(range(13, 21))
    return any(_set(entry, bit) for bit in marks)


def _maps_page(m: Machine, name: str, entry: str) -> bool:
    if name == "PTE":
        return True
    if name == "PDE":
        return _set(entry, 7) and (m.mode != "32-bit" or m.pse)
    return name == "PDPTE" and m.mode != "PAE" and _set(entry, 7)


# SDM 4.6.1, one row per sentence: (who, kind, address) -> condition, on the named things.
_RIGHTS: dict[tuple[str, str, str], Callable[[dict[str, bool]], bool]] = {
    ("supervisor", "read", "supervisor"): lambda _: True,
    ("supervisor", "read", "user"): lambda t: not t["SMAP"] or t["AC and explicit"],
    ("supervisor", "write", "supervisor"): lambda t: not t["WP"] or t["R/W everywhere"],
    ("supervisor", "write", "user"): lambda t: (
        (not t["SMAP"] or t["AC and explicit"]) and (not t["WP"] or t["R/W everywhere"])
    ),
    ("supervisor", "fetch", "supervisor"): lambda t: not t["NXE"] or not t["XD somewhere"],
    ("supervisor", "fetch", "user"): lambda t: (
        not t["SMEP"] and (not t["NXE"] or not t["XD somewhere"])
    ),
    ("user", "read", "supervisor"): lambda _: False,
    ("user", "write", "supervisor"): lambda _: False,
    ("user", "fetch", "supervisor"): lambda _: False,
    ("user", "read", "user"): lambda _: True,
    ("user", "write", "user"): lambda t: t["R/W everywhere"],
    ("user", "fetch", "user"): lambda t: not t["NXE"] or not t["XD somewhere"],
}


def _key_forbids(m: Machine, r: Request, address: str, leaf: str) -> bool:
    """SDM 4.6.2: data accesses only; AD forbids all, WD writes (a supervisor's if CR0.WP)."""
    if m.mode not in ("4-level", "5-level") or r.kind == "fetch":
        return False
    if not (m.pke if address == "user" else m.pks):
        return False
    register = m.pkru if address == "user" else m.pkrs
    key = int(_bits(leaf, 62, 59), 2)
    access_disabled, write_disabled = register >> (2 * key) & 1, register >> (2 * key + 1) & 1
    if access_disabled:
        return True
    return bool(r.kind == "write" and write_disabled and (r.user or m.wp))


def _error(
    m: Machine, r: Request, *, present: bool, reserved: bool = False, key: bool = False
) -> int:
    """SDM 4.7: the error code, flag by flag."""
    fetch_flag = r.kind == "fetch" and (m.smep or (m.nxe and m.mode != "32-bit"))
    flags = (present, r.kind == "write", r.user, reserved, fetch_flag, key)
    return sum(1 << place for place, flag in enumerate(flags) if flag)


def translate(read: Callable[[int, int], bytes], m: Machine, r: Request, linear: int) -> Answer:
    """Translate one linear address as the manuals say."""
    size = 4 if m.mode == "32-bit" else 8
    table = m.cr3 & (~31 if m.mode == "PAE" else ~4095)
    entries: list[tuple[str, str]] = []
    for name, low, width in _FIELDS[m.mode]:
        index = linear // 2**low % 2**width
        entry = format(int.from_bytes(read(table + index * size, size), "little"), "064b")
        if not _set(entry, 0):
            return "fault", _error(m, r, present=False)
        if _reserved(m, name, entry):
            return "fault", _error(m, r, present=True, reserved=True)
        entries.append((name, entry))
        if _maps_page(m, name, entry):
            break
        table = _number(entry, 51, 12)
    name, leaf = entries[-1]
    low = next(bits for n, bits, _ in _FIELDS[m.mode] if n == name)
    rights = [entry for n, entry in entries if (m.mode, n) != ("PAE", "PDPTE")]
    address = "user" if all(_set(entry, 2) for entry in rights) else "supervisor"
    truths = {
        "WP": m.wp,
        "SMAP": m.smap,
        "SMEP": m.smep,
        "NXE": m.nxe and m.mode != "32-bit",
        "AC and explicit": m.ac and not r.implicit,
        "R/W everywhere": all(_set(entry, 1) for entry in rights),
        "XD somewhere": any(_set(entry, 63) for entry in rights),
    }
    if _key_forbids(m, r, address, leaf):
        return "fault", _error(m, r, present=True, key=True)
    if not _RIGHTS["user" if r.user else "supervisor", r.kind, address](truths):
        return "fault", _error(m, r, present=True)
    page = _number(leaf, 51, low)
    if m.mode == "32-bit" and name == "PDE":
        page = _number(leaf, 31, 22) + (int(_bits(leaf, 20, 13), 2) << 32)
    return "ok", page + linear % 2**low

"""Hypothesis strategies that the tests of several rooms share."""

from __future__ import annotations

from hypothesis import strategies as st

from xenexplore.addr import Gfn, Gpa, Gva, Maddr, Mfn, canonical
from xenexplore.recording.format.columns import KINDS

__all__ = [
    "gfns",
    "gpas",
    "gvas",
    "maddrs",
    "mfns",
    "page_bytes",
    "recordings",
    "recordings2",
    "u32",
    "u64",
]

u32 = st.integers(0, (1 << 32) - 1)
u64 = st.integers(0, (1 << 64) - 1)


def gvas(bits: int = 48) -> st.SearchStrategy[Gva]:
    """Canonical linear addresses of 48- or 57-bit paging."""
    return st.integers(0, (1 << bits) - 1).map(lambda low: Gva(canonical(low, bits)))


def gpas(bits: int = 40) -> st.SearchStrategy[Gpa]:
    return st.integers(0, (1 << bits) - 1).map(Gpa)


def maddrs(bits: int = 40) -> st.SearchStrategy[Maddr]:
    return st.integers(0, (1 << bits) - 1).map(Maddr)


def gfns(bits: int = 28) -> st.SearchStrategy[Gfn]:
    return st.integers(0, (1 << bits) - 1).map(Gfn)


def mfns(bits: int = 28) -> st.SearchStrategy[Mfn]:
    return st.integers(0, (1 << bits) - 1).map(Mfn)


def page_bytes(size: int = 4096) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=size, max_size=size)


@st.composite
def recordings(draw: st.DrawFn) -> list[dict[str, object]]:
    """Records of a well-formed recording, in order (see xenexplore/recording/format/FORMAT.md)."""
    records: list[dict[str, object]] = []
    seq, time = draw(st.integers(-1, 3)), 0.0
    vcpus = [1 << 60, (1 << 64) - 1]

    def access(where: str) -> None:
        how = draw(st.sampled_from(["from", "to", "clr", "Hfrom", "Hto", "Hclr"]))
        records.append({"c": how, where: seq, "va": draw(u64), "l": draw(u32)})
        if draw(st.booleans()):
            gfn = draw(st.integers(0, (1 << 52) - 1))
            records.append(
                {"w": draw(u64), "gfn": gfn, "s": seq, "vp": draw(st.sampled_from(vcpus))}
            )

    for _ in range(draw(st.integers(0, 2))):
        access("x")
    for _ in range(draw(st.integers(0, 8))):
        seq += 1
        time += draw(st.integers(0, 5)) / 8
        call: dict[str, object] = {"s": seq, "t": time, "k": draw(st.sampled_from(["pv", "hvm"]))}
        optional = {
            "n": u32, "a": st.lists(u64, max_size=6), "d": st.integers(0, 3),
            "v": st.integers(0, 2), "vp": st.sampled_from(vcpus), "rip": u64, "rsp": u64,
            "fl": u64, "cs": st.integers(0, 65535), "cr3": u64, "gcr3": u64,
        }  # fmt: skip
        for name, values in optional.items():
            if draw(st.booleans()):
                call[name] = draw(values)
        records.append(call)
        for _ in range(draw(st.integers(0, 3))):
            access("s")
        for _ in range(draw(st.integers(0, 2))):
            access("x")
    return records


HEADER2 = {
    "format": "xenexplore-recording", "version": 2, "arch": "x86_64",
    "xen": {"version": "4.17.7"}, "machine": {"pcpus": 3, "emulator": "QEMU TCG"},
    "guests": [{"domain": 0, "kind": "pvh", "vcpus": 2}], "backends": ["disk"],
    "workload": "made by a test", "artefacts": ["emulated-clock"],
}  # fmt: skip

counts = st.integers(0, (1 << 62) - 1)


@st.composite
def recordings2(draw: st.DrawFn) -> list[dict[str, object]]:
    """Records of a well-formed version 2 recording, header first (FORMAT.md)."""
    records: list[dict[str, object]] = [{"meta": HEADER2}]
    seq, time, pcpu = -1, 0.0, 0
    cpus = st.integers(0, 2)
    vcpus = st.fixed_dictionaries({"d": st.integers(0, 3), "v": st.integers(0, 2)})

    def some(names: str) -> dict[str, object]:
        chosen = draw(st.lists(st.sampled_from(names.split()), unique=True))
        return {name: draw(counts) for name in chosen}

    def access(where: str) -> None:
        how = draw(st.sampled_from(["from", "to", "clr", "Hfrom", "Hto", "Hclr"]))
        record = {"c": how, where: seq, "va": draw(u64), "l": draw(u32), "p": pcpu}
        if where == "x":
            record.update(draw(vcpus | st.just({"d": 0x7FFF, "v": 1})))
        records.append({**record, **some("i iw ip im imd ld st")})
        for _ in range(draw(st.integers(0, 2))):
            walk = {"w": draw(u64), "s": seq, "p": pcpu, **draw(vcpus), **some("i ld st")}
            if draw(st.booleans()):
                walk["gfn"] = draw(st.integers(0, (1 << 52) - 1))
            if draw(st.booleans()):
                walk["ps"] = draw(st.integers(1, 3))
                walk["gcr3"] = draw(st.integers(1, (1 << 64) - 1))
            records.append(walk)

    for _ in range(draw(st.integers(0, 2))):
        pcpu = draw(cpus)
        access("x")
    # Hypercalls of three CPUs: entered one after the other, ended as they may.
    entered, running, ended = 0, dict[int, int](), draw(st.integers(0, 8))
    while seq + 1 < ended or running:
        idle = [cpu for cpu in range(3) if cpu not in running] if entered < ended else []
        if idle and (not running or draw(st.booleans())):
            running[draw(st.sampled_from(idle))] = entered
            entered += 1
            continue
        pcpu = draw(st.sampled_from(sorted(running)))
        seq += 1
        time += draw(st.integers(0, 5)) / 8
        records.append(
            {"s": seq, "t": time, "k": draw(st.sampled_from(KINDS)), "n": draw(u32),
             "a": draw(st.lists(u64, min_size=6, max_size=6)), **draw(vcpus), "p": pcpu,
             "o": running.pop(pcpu), **some("i ix il ic iw ip im imd ld st ldx irq ctx")}
        )  # fmt: skip
        for _ in range(draw(st.integers(0, 3))):
            access("s")
        for _ in range(draw(st.integers(0, 2))):
            pcpu = draw(cpus)
            access("x")
    return records

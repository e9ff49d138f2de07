"""Version 1 recordings, with or without the plugin prototype's extra fields, as version 2.

Two passes: the first learns which vCPU each ``struct vcpu`` is, the second
writes.  What version 2 requires and the recording does not tell is refused, not
made up; what follows from a single physical CPU or from the walks is filled in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import zstandard

from xenexplore.errors import RecordingError
from xenexplore.recording.format.columns import DOMID_IDLE
from xenexplore.recording.format.header import Artefact, read_header
from xenexplore.recording.format.reader import read_recording
from xenexplore.recording.format.record_lines import FORMAT, BadLine, read_line
from xenexplore.recording.format.stream import Cut, blocks
from xenexplore.steps import Json

__all__ = ["convert"]

_LEVEL = 12
_Record = dict[str, Any]


@dataclass(slots=True)
class _Vcpus:
    """Results of the first pass.

    Attributes:
        ids: (domain id, vCPU id) by address of the ``struct vcpu``.
        kinds: guest kind by domain id.
        by_appearance: the recorded ids contradict each other, so that ids are
            given in the order in which ``struct vcpu``s appear.
        pcpus: physical CPUs that made records.
        decoded: some hypercall has an ``il``; ``counted``: some has an ``ix``.
    """

    ids: dict[int, tuple[int, int]] = field(default_factory=dict)
    kinds: dict[int, str] = field(default_factory=dict)
    by_appearance: bool = False
    pcpus: int = 1
    decoded: bool = False
    counted: bool = False

    def add(self, record: _Record) -> None:
        """One hypercall."""
        self.pcpus = max(self.pcpus, record.get("p", 0) + 1)
        self.decoded |= "il" in record
        self.counted |= "ix" in record
        at = record.get("vp")
        if at is None:
            return
        known = self.ids.get(at)
        said = (record["d"], record["v"]) if "d" in record and "v" in record else None
        if known is None:
            said = said or (len(self.ids) + any(k == "pv" for k in self.kinds.values()), 0)
            self.ids[at] = said
        elif said is not None and said != known:
            self.by_appearance = True
        self.kinds.setdefault(self.ids[at][0], record["k"])

    def settle(self) -> None:
        """All hypercalls have been seen."""
        if self.by_appearance:
            kinds = [self.kinds[domid] for domid, _ in self.ids.values()]
            self.ids = {at: (index, 0) for index, at in enumerate(self.ids)}
            self.kinds = dict(enumerate(kinds))


def convert(
    source: str | Path, out: str | Path, members: Mapping[str, Json], *, limit: int | None = None
) -> None:
    """Write a version 1 recording as version 2, and read the result back.

    Args:
        source: a path or a built-in's name.
        out: where to write; compressed if it ends in ``.zst``.
        members: the header's members (FORMAT.md) that records do not tell: ``xen``,
            ``guests``, ``backends``, ``workload``, ...; ``machine.pcpus`` and the artefacts
            that the records show are filled in.
        limit: most bytes that the recording may unfold to; None for the reader's own.

    Raises:
        RecordingError: the recording is damaged, is version 2 already, or lacks
            what version 2 requires.
        OSError: a file cannot be read or written.
    """
    read_recording(source, limit=limit)  # every line of it is whole and in order
    vcpus = _Vcpus()
    first = -1
    for _, record in _records(source, limit):
        if "k" in record:
            first = record["s"] if first < 0 else first
            vcpus.add(record)
    vcpus.settle()
    meta = _meta(source, members, vcpus)
    path = Path(out)
    partial = path.with_name(path.name + ".part")
    encode = msgspec.json.Encoder().encode
    text = b"".join(
        encode(record) + b"\n" for record in ({"meta": meta}, *_second(source, vcpus, first, limit))
    )
    if path.suffix == ".zst":
        text = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compress(text)
    partial.write_bytes(text)
    try:
        read_recording(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _meta(source: str | Path, members: Mapping[str, Json], vcpus: _Vcpus) -> dict[str, Json]:
    machine = members.get("machine", {})
    artefacts = members.get("artefacts", [])
    shown = [Artefact.NO_NRIP] if vcpus.counted else []
    shown += [Artefact.NO_DECODE_COUNT] if vcpus.counted and not vcpus.decoded else []
    shown += [Artefact.DOMAINS_BY_APPEARANCE] if vcpus.by_appearance else []
    meta: dict[str, Json] = {"format": FORMAT, "version": 2, **members}
    if isinstance(machine, dict):
        meta["machine"] = {"pcpus": vcpus.pcpus, **machine}
    if isinstance(artefacts, list):
        names = [item.value for item in shown]
        meta["artefacts"] = [*artefacts, *(name for name in names if name not in artefacts)]
    try:
        header = read_header(meta)
    except BadLine as bad:
        raise RecordingError(
            source, f"header's {bad.field}", expected=bad.expected, got=bad.got, hint=bad.hint
        ) from None
    if vcpus.by_appearance and any(guest.vcpus > 1 for guest in header.guests):
        raise RecordingError(
            source, "field d", expected="one domain for each vCPU",
            got="several, and guests with several vCPUs",
            hint="the domain of a hypercall cannot be determined",
        )  # fmt: skip
    return meta


def _records(source: str | Path, limit: int | None) -> Iterator[tuple[int, _Record]]:
    """Every record but the header, with its line."""
    rest, line = b"", 0
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    try:
        for block in blocks(source, limit):
            lines = (rest + block).split(b"\n")
            rest = lines.pop()
            for text in lines:
                line += 1
                record = decode(text)
                if line > 1 or "meta" not in record:
                    yield line, record
                elif record["meta"].get("version", 1) != 1:
                    version = str(record["meta"]["version"])
                    raise RecordingError(
                        source, "line 1", expected="version 1 of the format", got=version
                    )
    except Cut as cut:
        raise RecordingError(source, "", expected="the rest of it", got=str(cut)) from None
    if rest:
        yield line + 1, decode(rest)


def _second(source: str | Path, vcpus: _Vcpus, first: int, limit: int | None) -> Iterator[_Record]:
    """The records of version 2, in order.  An access waits for its walk, which names the vCPU."""
    waiting: tuple[int, _Record] | None = None
    pcpu = 0
    for line, record in _records(source, limit):
        pcpu = record.get("p", 0 if "k" in record or "x" in record else pcpu)
        if waiting is not None:
            walk = record if "w" in record else None
            yield _access(source, *waiting, walk, vcpus)
            waiting = None
        if "c" in record:
            waiting = line, {**record, "p": pcpu}
        else:
            new = _call(record, vcpus, first) if "k" in record else _walk(record, vcpus)
            yield _checked(source, line, {**new, "p": pcpu})
    if waiting is not None:
        yield _access(source, *waiting, None, vcpus)


def _checked(source: str | Path, line: int, record: _Record) -> _Record:
    """A record, if version 2 allows it."""
    try:
        read_line(msgspec.json.encode(record), 2)
    except BadLine as bad:
        where = f"line {line}: field {bad.field}" if bad.field else f"line {line}"
        raise RecordingError(
            source, where, expected=bad.expected, got=bad.got,
            hint="version 2 requires it, and the rest of the recording does not contain it",
        ) from None  # fmt: skip
    return record


def _named(record: _Record, ids: tuple[int, int] | None) -> _Record:
    return record if ids is None else {**record, "d": ids[0], "v": ids[1]}


def _call(record: _Record, vcpus: _Vcpus, first: int) -> _Record:
    ids = vcpus.ids.get(record.get("vp", -1))
    if ids is None and record["k"] == "pv" and "d" not in record:
        # Such recorders ran one PV domain, on one vCPU (FORMAT.md, version 1).
        ids = (0, 0)
    return _named({"o": record["s"] - first, **record}, ids)


def _walk(record: _Record, vcpus: _Vcpus) -> _Record:
    # The prototype's d and v of a walk are those of its CPU's last hypercall.
    new = _named(record, vcpus.ids.get(record.get("vp", -1)))
    if new.get("bad"):
        del new["gfn"]
    if not new.get("ps", 1):
        del new["ps"]
    return new


def _access(
    source: str | Path, line: int, record: _Record, walk: _Record | None, vcpus: _Vcpus
) -> _Record:
    if "x" in record:
        walked = vcpus.ids.get(walk.get("vp", -1)) if walk is not None else None
        if walked is not None and (vcpus.by_appearance or "d" not in record):
            record = _named(record, walked)
        elif vcpus.by_appearance and record.get("d") != DOMID_IDLE:
            record = {name: value for name, value in record.items() if name not in ("d", "v")}
        elif "d" not in record and not record["c"].startswith("H"):
            record = _named(record, (0, 0))
    return _checked(source, line, record)

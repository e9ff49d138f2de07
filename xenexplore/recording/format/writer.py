"""Write recordings: record by record for a recorder, or a whole one at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
import numpy as np
import zstandard

from xenexplore.recording.format.column_set import Columns
from xenexplore.recording.format.columns import (
    DIRECTIONS,
    DOMID_IDLE,
    KINDS,
    NO_FRAME,
    UNHANDLED,
    Recording,
)
from xenexplore.recording.format.counts import ACCESS_FIELDS, CALL_FIELDS, WALK_FIELDS
from xenexplore.recording.format.header import read_header
from xenexplore.recording.format.record_lines import FORMAT, check_meta, read_line
from xenexplore.steps import Json

__all__ = ["RecordingWriter", "write_recording"]

_LEVEL = 10


class RecordingWriter:
    """Writes one recording, in order; a context manager.

    A name that ends in ``.zst`` is compressed.  Numbers the hypercalls itself,
    so that what it writes is in order by construction.  Nothing that the
    format does not allow is written: a wrong value raises
    :class:`~xenexplore.recording.format.record_lines.BadLine`.

    Example::

        with RecordingWriter("run.jsonl.zst", meta={"tool": "mine"}) as out:
            out.call(0.5, "hvm", number=32, args=(4, 0xffffc90000003e54), domain=0, vcpu=0)
            out.access("Hfrom", 0xffffc90000003e54, 4)
            out.walk(0xffffc90000003e54, gfn=0x1234)
            out.done()

    Version 1 is written, or what ``meta["version"]`` says.  Version 2 needs the
    header's members (FORMAT.md) and the arguments that are marked so.
    """

    def __init__(
        self, path: str | Path, *, meta: Mapping[str, Json] | None = None, first: int = 0
    ) -> None:
        self._path = Path(path)
        self._meta = dict(meta or {})
        self._meta.setdefault("version", 1)
        check_meta(self._meta)
        self._version = read_header(self._meta).version
        self._seq = first - 1  # of the newest hypercall
        self._inside = False
        self._encode = msgspec.json.Encoder().encode
        self._text: Any = None
        self._file: Any = None

    def __enter__(self) -> Self:
        self._file = self._path.open("wb")
        if self._path.suffix == ".zst":
            machine = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
            self._text = machine.stream_writer(self._file, closefd=False)
        else:
            self._text = self._file
        self._put({"meta": {**self._meta, "format": FORMAT}})
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._text is not self._file:
            self._text.close()
        self._file.close()

    def _put(self, record: Mapping[str, Any]) -> None:
        line = self._encode(record)
        read_line(line, self._version)
        self._text.write(line + b"\n")

    def call(
        self, time: float, kind: str, *, number: int | None = None, args: Sequence[int] = (),
        domain: int | None = None, vcpu: int | None = None, vcpu_at: int = 0, rip: int = 0,
        rsp: int = 0, flags: int = 0, cr3: int = 0, guest_cr3: int = 0, cs: int = 0,
        pcpu: int | None = None, order: int | None = None,
        counts: Mapping[str, int] | None = None,
    ) -> int:  # fmt: skip
        """Begin a hypercall; what is 0 or None was not recorded and is left out.

        Args:
            time: seconds since the recorder started; never less than before.
            kind: ``"pv"``, ``"hvm"`` or ``"hvm32"``.
            number: hypercall number; None: no handler was seen.
            args: argument registers, in order.
            domain: domain id.
            vcpu: vCPU id.
            vcpu_at: Xen's ``struct vcpu *``.
            rip: the guest's instruction pointer.
            rsp: the guest's stack pointer.
            flags: the guest's RFLAGS.
            cr3: the processor's CR3 (for PV: the guest's).
            guest_cr3: an HVM guest's own CR3.
            cs: the guest's code segment selector.
            pcpu: physical CPU (version 2; there ``domain`` and ``vcpu``, too).
            order: hypercalls entered before it on any CPU (version 2).
            counts: by the names of the fields, as ``{"i": 5242}`` (version 2).

        Returns:
            The sequence number.
        """
        self._seq += 1
        self._inside = True
        record: dict[str, Any] = {"s": self._seq, "t": time, "k": kind}
        if domain is not None:
            record["d"] = domain
        if vcpu is not None:
            record["v"] = vcpu
        if number is not None:
            record["n"] = number
        if args:
            record["a"] = list(args)
        rest = {"rip": rip, "rsp": rsp, "cs": cs, "fl": flags, "cr3": cr3,
                "gcr3": guest_cr3, "vp": vcpu_at}  # fmt: skip
        record.update((name, value) for name, value in rest.items() if value)
        record.update(_known(p=pcpu, o=order), **(counts or {}))
        self._put(record)
        return self._seq

    def done(self) -> None:
        """The hypercall has returned: accesses from here on are outside it."""
        self._inside = False

    def access(
        self, direction: str, address: int, size: int, *, domain: int | None = None,
        vcpu: int | None = None, pcpu: int | None = None,
        counts: Mapping[str, int] | None = None,
    ) -> None:  # fmt: skip
        """Xen accessed guest memory, inside the open hypercall or else outside any.

        Args:
            direction: one of ``DIRECTIONS``.
            address: linear address of the first byte.
            size: bytes.
            domain: that was current (version 2, outside hypercalls).
            vcpu: that was current (the same).
            pcpu: physical CPU (version 2).
            counts: as in :meth:`call`.
        """
        where = "s" if self._inside else "x"
        record = {"c": direction, where: self._seq, "va": address, "l": size}
        self._put({**record, **_known(d=domain, v=vcpu, p=pcpu), **(counts or {})})

    def walk(
        self, address: int, gfn: int | None, vcpu_at: int = 0, *, domain: int | None = None,
        vcpu: int | None = None, pcpu: int | None = None, level: int = 0, guest_cr3: int = 0,
        counts: Mapping[str, int] | None = None,
    ) -> None:  # fmt: skip
        """Xen walked the guest's page tables for the access before.

        Args:
            address: linear.
            gfn: the frame found; None (version 2): none was.
            vcpu_at: Xen's ``struct vcpu *``.
            domain: whose tables (version 2).
            vcpu: whose (version 2).
            pcpu: physical CPU (version 2).
            level: of the entry that maps it, 1 to 3; 0: not recorded.
            guest_cr3: CR3 that the walk began from; 0: not recorded.
            counts: as in :meth:`call`.
        """
        record = {"w": address, "s": self._seq, **_known(gfn=gfn, d=domain, v=vcpu, p=pcpu)}
        rest = {"vp": vcpu_at, "ps": level, "gcr3": guest_cr3}
        record.update((name, value) for name, value in rest.items() if value)
        self._put({**record, **(counts or {})})


def _known(**fields: int | None) -> dict[str, int]:
    return {name: value for name, value in fields.items() if value is not None}


def write_recording(recording: Recording, path: str | Path) -> None:
    """Write all of a recording; reading it gives the same columns again.

    Where the domains were told apart by the reader, the file still leaves
    that to the reader.
    """
    first = int(recording.calls.seq[0]) if len(recording.calls) else 0
    walks = recording.walks
    with RecordingWriter(path, meta=recording.meta, first=first) as out:
        rows = _Rows(out, recording)
        access_end = recording.access_start
        walk_end = np.searchsorted(walks.call, np.arange(len(recording.calls) + 1))
        rows.rest(0, int(access_end[0]), 0, int(walk_end[0]))
        for row in range(len(recording.calls)):
            rows.call(row)
            rows.rest(
                int(access_end[row]), int(access_end[row + 1]),
                int(walk_end[row]), int(walk_end[row + 1]),
            )  # fmt: skip


class _Rows:
    """Rows of a recording, as records."""

    def __init__(self, out: RecordingWriter, recording: Recording) -> None:
        self._out = out
        self._recording = recording

    def _counts(self, columns: Columns, fields: Mapping[str, str], row: int) -> dict[str, int]:
        """Counts, by the records' names."""
        found = ((fields[name], int(getattr(columns, name)[row])) for name in columns.names())
        return {name: value for name, value in found if value >= 0}

    def _domid(self, index: int) -> int | None:
        recording = self._recording
        recorded = index >= 0 and recording.domains[index].recorded
        return recording.domains[index].domid if recorded else None

    def call(self, row: int) -> None:
        recording, calls = self._recording, self._recording.calls
        number = int(calls.number[row])
        self._out.call(
            float(calls.time[row]),
            KINDS[calls.kind[row]],
            number=None if number == UNHANDLED else number,
            args=calls.args[row, : calls.arg_count[row]].tolist(),
            domain=self._domid(int(calls.domain[row])),
            vcpu=_there(calls.vcpu[row]),
            vcpu_at=int(calls.vcpu_at[row]),
            rip=int(calls.rip[row]),
            rsp=int(calls.rsp[row]),
            flags=int(calls.flags[row]),
            cr3=int(calls.cr3[row]),
            guest_cr3=int(calls.guest_cr3[row]),
            cs=int(calls.cs[row]),
            pcpu=_there(calls.pcpu[row]),
            order=_there(calls.order[row]),
            counts=self._counts(recording.counts.calls, CALL_FIELDS, row)
            if recording.counts
            else None,
        )

    def rest(self, access: int, access_end: int, walk: int, walk_end: int) -> None:
        """Accesses and walks of one hypercall (or before the first), in their order."""
        accesses, walks = self._recording.accesses, self._recording.walks
        while access < access_end or walk < walk_end:
            if walk < walk_end and int(walks.access[walk]) < access:
                self._walk(walk)
                walk += 1
                continue
            if not accesses.inside[access]:
                self._out.done()
            self._access(access)
            access += 1

    def _access(self, row: int) -> None:
        recording, accesses = self._recording, self._recording.accesses
        domain = self._domid(int(accesses.domain[row]))
        if domain is None and accesses.vcpu[row] >= 0:
            domain = DOMID_IDLE
        self._out.access(
            DIRECTIONS[int(accesses.direction[row])],
            int(accesses.address[row]),
            int(accesses.size[row]),
            domain=domain,
            vcpu=_there(accesses.vcpu[row]),
            pcpu=_there(accesses.pcpu[row]),
            counts=self._counts(recording.counts.accesses, ACCESS_FIELDS, row)
            if recording.counts
            else None,
        )

    def _walk(self, row: int) -> None:
        recording, walks = self._recording, self._recording.walks
        gfn, two = int(walks.gfn[row]), recording.counts is not None
        self._out.walk(
            int(walks.address[row]),
            None if gfn == NO_FRAME else gfn,
            int(walks.vcpu_at[row]),
            # A walk of version 1 names its vCPU by address, even where hypercalls have ids.
            domain=self._domid(int(walks.domain[row])) if two else None,
            vcpu=_there(walks.vcpu[row]),
            pcpu=_there(walks.pcpu[row]),
            level=int(walks.level[row]),
            guest_cr3=int(walks.guest_cr3[row]),
            counts=self._counts(recording.counts.walks, WALK_FIELDS, row)
            if recording.counts
            else None,
        )


def _there(value: np.integer[Any]) -> int | None:
    """A number that was recorded, or None for -1."""
    return int(value) if value >= 0 else None

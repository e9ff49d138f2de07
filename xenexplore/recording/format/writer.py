"""Write recordings: record by record for a recorder, or a whole one at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
import numpy as np
import zstandard

from xenexplore.recording.format.columns import DIRECTIONS, UNHANDLED, Recording
from xenexplore.recording.format.record_lines import FORMAT, VERSION, read_line
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
    """

    def __init__(
        self, path: str | Path, *, meta: Mapping[str, Json] | None = None, first: int = 0
    ) -> None:
        self._path = Path(path)
        self._meta = dict(meta or {})
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
        self._put({"meta": {**self._meta, "format": FORMAT, "version": VERSION}})
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
        read_line(line)
        self._text.write(line + b"\n")

    def call(
        self, time: float, kind: str, *, number: int | None = None, args: Sequence[int] = (),
        domain: int | None = None, vcpu: int | None = None, vcpu_at: int = 0, rip: int = 0,
        rsp: int = 0, flags: int = 0, cr3: int = 0, guest_cr3: int = 0, cs: int = 0,
    ) -> int:  # fmt: skip
        """Begin a hypercall; what is 0 or None was not recorded and is left out.

        Args:
            time: seconds since the recorder started; never less than before.
            kind: ``"pv"`` or ``"hvm"``.
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
        self._put(record)
        return self._seq

    def done(self) -> None:
        """The hypercall has returned: accesses from here on are outside it."""
        self._inside = False

    def access(self, direction: str, address: int, size: int) -> None:
        """Xen accessed guest memory, inside the open hypercall or else outside any."""
        where = "s" if self._inside else "x"
        self._put({"c": direction, where: self._seq, "va": address, "l": size})

    def walk(self, address: int, gfn: int, vcpu_at: int = 0) -> None:
        """Xen walked the guest's page tables and found a frame, for the access before."""
        record = {"w": address, "gfn": gfn, "s": self._seq}
        self._put({**record, "vp": vcpu_at} if vcpu_at else record)


def write_recording(recording: Recording, path: str | Path) -> None:
    """Write all of a recording; reading it gives the same columns again.

    Where the domains were told apart by the reader, the file still leaves
    that to the reader.
    """
    first = int(recording.calls.seq[0]) if len(recording.calls) else 0
    walks = recording.walks
    with RecordingWriter(path, meta=recording.meta, first=first) as out:
        access_end = recording.access_start
        walk_end = np.searchsorted(walks.call, np.arange(len(recording.calls) + 1))
        _write_rest(out, recording, 0, int(access_end[0]), 0, int(walk_end[0]))
        for row in range(len(recording.calls)):
            _write_call(out, recording, row)
            _write_rest(
                out, recording,
                int(access_end[row]), int(access_end[row + 1]),
                int(walk_end[row]), int(walk_end[row + 1]),
            )  # fmt: skip


def _write_call(out: RecordingWriter, recording: Recording, row: int) -> None:
    calls = recording.calls
    domain = int(calls.domain[row])
    number, vcpu = int(calls.number[row]), int(calls.vcpu[row])
    recorded = domain >= 0 and recording.domains[domain].recorded
    out.call(
        float(calls.time[row]),
        "hvm" if calls.kind[row] else "pv",
        number=None if number == UNHANDLED else number,
        args=calls.args[row, : calls.arg_count[row]].tolist(),
        domain=recording.domains[domain].domid if recorded else None,
        vcpu=None if vcpu < 0 else vcpu,
        vcpu_at=int(calls.vcpu_at[row]),
        rip=int(calls.rip[row]),
        rsp=int(calls.rsp[row]),
        flags=int(calls.flags[row]),
        cr3=int(calls.cr3[row]),
        guest_cr3=int(calls.guest_cr3[row]),
        cs=int(calls.cs[row]),
    )


def _write_rest(
    out: RecordingWriter, recording: Recording, access: int, access_end: int, walk: int,
    walk_end: int,
) -> None:  # fmt: skip
    """Accesses and walks of one hypercall (or before the first), in their order."""
    accesses, walks = recording.accesses, recording.walks
    while access < access_end or walk < walk_end:
        if walk < walk_end and int(walks.access[walk]) < access:
            out.walk(int(walks.address[walk]), int(walks.gfn[walk]), int(walks.vcpu_at[walk]))
            walk += 1
            continue
        if not accesses.inside[access]:
            out.done()
        name = DIRECTIONS[int(accesses.direction[access])]
        out.access(name, int(accesses.address[access]), int(accesses.size[access]))
        access += 1

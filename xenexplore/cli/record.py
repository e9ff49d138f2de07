"""``xenexplore record``: boot a real Xen under an emulator and record its hypercalls."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from xenexplore.cli.diagnostics import tell
from xenexplore.cli.printing import add_printing, print_record, print_text
from xenexplore.errors import InputError
from xenexplore.recording.format.columns import Recording
from xenexplore.recording.format.header import Artefact, GuestKind, read_header
from xenexplore.recording.recorder import Options, RecorderSetup, record
from xenexplore.recording.recorder.from_xentrace import from_xentrace
from xenexplore.recording.recorder.machine import BootEnding, Progress
from xenexplore.recording.recorder.options import BACKENDS, SLOW, XEN_VERSIONS
from xenexplore.recording.recorder.session import Recorded
from xenexplore.recording.recorder.setup import default_folder
from xenexplore.render.text.recorded.recorder import held_line, hook_list
from xenexplore.steps import Json

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``record``."""
    parser.add_argument(
        "kind", nargs="?", choices=("pvh", "pv"), help="type of dom0; its domU is PVH"
    )
    parser.add_argument("-o", "--out", metavar="FILE", type=Path, help="the recording (.jsonl.zst)")
    add_printing(parser, "what was recorded")
    parser.add_argument(
        "--setup", action="store_true",
        help="prepare the emulator, Xen and the plugin: Debian packages unpacked in a folder (no "
        "root, nothing installed); shows the sizes first",
    )  # fmt: skip
    parser.add_argument(
        "--lookup", action="store_true",
        help="count the instructions of a lookup in registered buffers: our C code, compiled on "
        "this machine and run on the emulator",
    )  # fmt: skip
    parser.add_argument(
        "--hooks", action="store_true",
        help="list the hooked functions of Xen and what is read in each, for a recorder of your "
        "own on hardware, and what hardware cannot provide",
    )  # fmt: skip
    parser.add_argument(
        "--from", nargs=2, metavar=("xentrace", "FILE"), dest="source",
        help="make a recording from the hypercalls in an xentrace file (with --cpu-mhz and --xen "
        "VERSION): no accesses, no registers",
    )  # fmt: skip
    parser.add_argument(
        "--cpu-mhz",
        metavar="MHZ",
        type=float,
        help="with --from: frequency of the time stamp counter",
    )
    parser.add_argument("--dry-run", action="store_true", help="with --setup: show the sizes only")
    parser.add_argument(
        "--folder", metavar="DIR", type=Path, default=default_folder(),
        help="setup folder (default: in the XDG cache)",
    )  # fmt: skip
    parser.add_argument(
        "--xen", metavar="VERSION|DEB|FILE", default="4.17",
        help=f"{' or '.join(XEN_VERSIONS)}, or a hypervisor of your own with --xen-symbols",
    )  # fmt: skip
    parser.add_argument(
        "--xen-symbols", metavar="MAP|DEB", type=Path,
        help="the hypervisor's xen-syms.map, or the -dbg package with it, for the hooks' addresses",
    )  # fmt: skip
    parser.add_argument(
        "--tools", choices=tuple(XEN_VERSIONS), default="4.17",
        help="with --xen FILE: the version of Xen's tools in dom0",
    )  # fmt: skip
    parser.add_argument(
        "--kernel", metavar="VERSION|DEB|FILE",
        help="another kernel for both guests: the version of a Debian kernel (6.12), a package "
        "linux-image-*.deb, or a bzImage with the Xen drivers built in",
    )  # fmt: skip
    parser.add_argument("--vcpus", type=int, default=1, help="vCPUs of dom0, and CPUs of Xen")
    parser.add_argument("--domu-vcpus", type=int, default=1, help="vCPUs of the domU; 0: no domU")
    parser.add_argument(
        "--firmware", action="store_true",
        help="the domU is an HVM guest: hvmloader and SeaBIOS, with a stand-in for the device "
        "model; they find no disk, and nothing follows them",
    )  # fmt: skip
    parser.add_argument(
        "--backends",
        metavar="LIST",
        default="",
        help=f"backends that the domU uses: {','.join(BACKENDS)}",
    )
    parser.add_argument(
        "--no-persistent-grants",
        action="store_true",
        help="make blkback map grants for each request",
    )
    parser.add_argument(
        "--workload", metavar="SCRIPT", type=Path,
        help="a shell script, run in dom0 at the end, with BusyBox's and Xen's programs (xl, "
        "xenstore-ls, ...)",
    )  # fmt: skip
    parser.add_argument(
        "--loop", action="store_true",
        help="measure the cost of one call: dom0 is a small guest, compiled on this machine, that "
        "repeats VCPUOP_get_runstate_info",
    )  # fmt: skip
    parser.add_argument(
        "--slow-clock", metavar="TIMES", type=int, default=SLOW,
        help="factor by which the clock of Xen and its guests is slower than this machine's; "
        f"increase it against soft lockups (busy machine, several vCPUs; default: {SLOW})",
    )  # fmt: skip
    parser.add_argument(
        "--counts", choices=("instructions", "loads"), default="instructions",
        help="what to count; loads: also loads and stores (slower)",
    )  # fmt: skip
    parser.add_argument(
        "--verify", action="store_true",
        help="also trace the run with xentrace in dom0, and check the recording against the trace, "
        "per CPU and in order; dom0 sends it over a serial line: a PVH dom0 at 10 KB/s (6 min "
        "after a run with a domU), a PV dom0 at 2 KB/s",
    )  # fmt: skip
    parser.add_argument(
        "--keep",
        action="store_true",
        help="keep the console log and the raw records beside the recording",
    )
    parser.add_argument(
        "--timeout", metavar="SECONDS", type=float, default=900.0,
        help="limit on the emulator's run (default: 900)",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Set up, list, convert, or record."""
    if args.hooks:
        print_text(hook_list(), args)
        return 0
    if args.source:
        return _from(args)
    own = args.xen not in XEN_VERSIONS
    xen = args.tools if own else args.xen
    if args.setup:
        return _setup(RecorderSetup(args.folder, xen), dry=args.dry_run)
    if args.lookup:
        return _lookup(RecorderSetup(args.folder, xen), args)
    if args.kind is None or args.out is None:
        got = "no kind" if args.kind is None else "no -o FILE"
        expected = "record pvh|pv -o FILE, --setup, --lookup, --hooks or --from"
        raise InputError("record", "", expected=expected, got=got)
    file = _is_file(args.kernel)
    options = Options(
        kind=GuestKind(args.kind),
        out=args.out,
        folder=args.folder,
        vcpus=args.vcpus,
        domu_vcpus=0 if args.loop else args.domu_vcpus,
        backends=_backends(args.backends),
        persistent_grants=not args.no_persistent_grants,
        xen=xen,
        xen_file=Path(args.xen) if own else None,
        xen_symbols=args.xen_symbols,
        kernel=Path(args.kernel) if file else None,
        kernel_version="" if file else args.kernel or "",
        workload=args.workload,
        firmware=args.firmware,
        loop=args.loop,
        slow=args.slow_clock,
        loads=args.counts == "loads",
        verify=args.verify,
        keep=args.keep,
        timeout=args.timeout,
    )
    found = record(options, _progress(), tell)
    _tell_written(args.out, found.recording, found.unexplained)
    if Artefact.SOFT_LOCKUPS in read_header(found.recording.meta).artefacts:
        busy = "this machine was too slow or too busy; try a larger --slow-clock"
        tell(f"the guest reported soft lockups: {busy}")
    for cpu in found.held:
        tell(held_line(cpu))
    for fault in found.faults:
        tell(f"xenexplore: error: {fault}; --keep keeps the console log")
    if found.unheld:
        tell(f"xenexplore: error: {found.unheld}")
    if args.json:
        print_record("recorded", _written(args.out, found))
    ended = found.ending in (BootEnding.DONE, BootEnding.INTERRUPTED)
    failed = found.faults or found.unheld or not all(cpu.holds for cpu in found.held)
    return 0 if ended and not failed else 1


def _is_file(kernel: str | None) -> bool:
    """Whether ``--kernel`` is a file's name and no version of Debian's."""
    return kernel is not None and (
        "/" in kernel or kernel.endswith(".deb") or Path(kernel).exists()
    )


def _tell_written(out: Path, recording: Recording, unexplained: int) -> None:
    tell(
        f"{out}: {len(recording.calls)} hypercalls, {len(recording.accesses)} accesses, "
        f"{len(recording.walks)} walks; "
        + (f"{unexplained} not explained" if unexplained else "all explained")
    )


def _written(out: Path, found: Recorded) -> dict[str, Json]:
    held: list[Json] = [
        {"pcpu": cpu.pcpu, "recorded": cpu.recorded, "traced": cpu.traced, "equal": cpu.equal}
        for cpu in found.held
    ]
    return {
        "written": str(out),
        "hypercalls": len(found.recording.calls),
        "accesses": len(found.recording.accesses),
        "walks": len(found.recording.walks),
        "unexplained": found.unexplained,
        "held": held,
        "faults": list(found.faults),
    }


def _from(args: argparse.Namespace) -> int:
    """Hypercalls of a trace."""
    what, file = args.source
    if what != "xentrace":
        raise InputError("record", "--from", expected="xentrace FILE", got=repr(what))
    if args.out is None or args.cpu_mhz is None:
        got = "no -o FILE" if args.out is None else "no --cpu-mhz"
        raise InputError(
            "record", "--from", expected="-o FILE and --cpu-mhz MHZ", got=got,
            hint="an xentrace file does not contain the frequency of its time stamps: "
            "see cpu_mhz in xl info",
        )  # fmt: skip
    found = from_xentrace(Path(file), args.out, xen=args.xen, cpu_mhz=args.cpu_mhz)
    tell(
        f"{args.out}: {len(found.recording.calls)} hypercalls; no accesses, no registers; "
        f"{found.lost} records lost by Xen, {found.unknown} hypercalls of unknown vCPUs left out"
    )
    return 0


def _backends(text: str) -> tuple[str, ...]:
    names = tuple(name for name in text.split(",") if name)
    for name in names:
        if name not in BACKENDS:
            raise InputError("record", "--backends", expected=" or ".join(BACKENDS), got=repr(name))
    return names


def _setup(setup: RecorderSetup, *, dry: bool) -> int:
    tell(f"in {setup.folder}:")
    for line in setup.plan():
        tell(f"  {line}")
    if not dry:
        setup.run(tell)
        tell(f"ready: xenexplore record pvh --xen {setup.xen} -o pvh.jsonl.zst")
    return 0


def _lookup(setup: RecorderSetup, args: argparse.Namespace) -> int:
    from xenexplore.recording.recorder.lookup import count_lookup

    found = count_lookup(setup)
    if args.json:
        print_record(
            "lookup",
            {
                "compare": found.compare, "read": found.read, "write": found.write,
                "miss": found.miss, "compiler": found.compiler, "source": found.source,
            },
        )  # fmt: skip
    else:
        print_text(
            f"a hit at the nth entry: {found.read} + {found.compare} n instructions to read, "
            f"{found.write} + {found.compare} n to write\n"
            f"a miss in n entries: {found.miss} + {found.compare} n\n"
            f"{found.compiler}; {setup.version()}; our C code, {found.source[:19]}\n",
            args,
        )
    return 0


def _progress() -> Progress:
    """A line that is written over, or one line for each mark where no terminal shows it."""
    if sys.stderr.isatty():
        return _line
    return _Marks()


def _line(seconds: float, mark: str, size: int) -> None:
    text = f"{seconds:5.0f} s  {mark:12} {size / 1e6:8.1f} MB of records"
    sys.stderr.write("\r" + text + ("\n" if mark == "done" else ""))
    sys.stderr.flush()


class _Marks:
    """Prints each new mark once."""

    def __init__(self) -> None:
        self._last = ""

    def __call__(self, seconds: float, mark: str, size: int) -> None:
        if mark != self._last:
            self._last = mark
            tell(f"{seconds:5.0f} s  {mark:12} {size / 1e6:8.1f} MB of records")

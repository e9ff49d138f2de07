"""``xenexplore record``: boot a real Xen under an emulator and record its hypercalls."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from xenexplore.cli.diagnostics import tell
from xenexplore.cli.printing import add_printing, print_record, print_text
from xenexplore.errors import InputError
from xenexplore.recording.format.header import GuestKind
from xenexplore.recording.recorder import Options, Setup, record
from xenexplore.recording.recorder.machine import Ending, Progress
from xenexplore.recording.recorder.options import BACKENDS, XEN_VERSIONS
from xenexplore.recording.recorder.setup import default_folder

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
        help="count the instructions of a look-up in registered buffers: our C, compiled here, "
        "run on the emulator",
    )  # fmt: skip
    parser.add_argument("--dry-run", action="store_true", help="with --setup: show the sizes only")
    parser.add_argument(
        "--folder", metavar="DIR", type=Path, default=default_folder(),
        help="folder of the set-up (default: in the XDG cache)",
    )  # fmt: skip
    parser.add_argument(
        "--xen", metavar="VERSION|FILE", default="4.17",
        help=f"{' or '.join(XEN_VERSIONS)}, or a hypervisor of your own with --xen-symbols",
    )  # fmt: skip
    parser.add_argument(
        "--xen-symbols",
        metavar="MAP",
        type=Path,
        help="its xen-syms.map, which gives the addresses of the hooks",
    )
    parser.add_argument(
        "--tools", choices=tuple(XEN_VERSIONS), default="4.17",
        help="with --xen FILE: the version of Xen's tools in dom0",
    )  # fmt: skip
    parser.add_argument(
        "--kernel", metavar="FILE", type=Path,
        help="a kernel of your own for both guests, with Xen's drivers built in",
    )  # fmt: skip
    parser.add_argument("--vcpus", type=int, default=1, help="vCPUs of dom0, and CPUs of Xen")
    parser.add_argument("--domu-vcpus", type=int, default=1, help="vCPUs of the domU; 0: no domU")
    parser.add_argument(
        "--backends",
        metavar="LIST",
        default="",
        help=f"back-ends that the domU uses: {','.join(BACKENDS)}",
    )
    parser.add_argument(
        "--no-persistent-grants",
        action="store_true",
        help="blkback maps grants for each request",
    )
    parser.add_argument(
        "--workload", metavar="SCRIPT", type=Path, help="a shell script, run in dom0 at the end"
    )
    parser.add_argument(
        "--counts", choices=("instructions", "loads"), default="instructions",
        help="what to count; loads: also loads and stores (slower)",
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
    """Set up, or record."""
    own = args.xen not in XEN_VERSIONS
    xen = args.tools if own else args.xen
    if args.setup:
        return _setup(Setup(args.folder, xen), dry=args.dry_run)
    if args.lookup:
        return _lookup(Setup(args.folder, xen), args)
    if args.kind is None or args.out is None:
        got = "no kind" if args.kind is None else "no -o FILE"
        raise InputError(
            "record", "", expected="record pvh|pv -o FILE, --setup or --lookup", got=got
        )
    options = Options(
        kind=GuestKind(args.kind),
        out=args.out,
        folder=args.folder,
        vcpus=args.vcpus,
        domu_vcpus=args.domu_vcpus,
        backends=_backends(args.backends),
        persistent_grants=not args.no_persistent_grants,
        xen=xen,
        xen_file=Path(args.xen) if own else None,
        xen_symbols=args.xen_symbols,
        kernel=args.kernel,
        workload=args.workload,
        loads=args.counts == "loads",
        keep=args.keep,
        timeout=args.timeout,
    )
    found = record(options, _progress(), tell)
    calls = len(found.recording.calls)
    tell(
        f"{args.out}: {calls} hypercalls, {len(found.recording.accesses)} accesses, "
        f"{len(found.recording.walks)} walks; "
        + ("all explained" if not found.unexplained else f"{found.unexplained} not explained")
    )
    if args.json:
        print_record(
            "recorded",
            {
                "written": str(args.out),
                "hypercalls": calls,
                "accesses": len(found.recording.accesses),
                "walks": len(found.recording.walks),
                "unexplained": found.unexplained,
            },
        )
    return 0 if found.ending in (Ending.DONE, Ending.INTERRUPTED) else 1


def _backends(text: str) -> tuple[str, ...]:
    names = tuple(name for name in text.split(",") if name)
    for name in names:
        if name not in BACKENDS:
            raise InputError("record", "--backends", expected=" or ".join(BACKENDS), got=repr(name))
    return names


def _setup(setup: Setup, *, dry: bool) -> int:
    tell(f"in {setup.folder}:")
    for line in setup.plan():
        tell(f"  {line}")
    if not dry:
        setup.run(tell)
        tell(f"ready: xenexplore record pvh --xen {setup.xen} -o pvh.jsonl.zst")
    return 0


def _lookup(setup: Setup, args: argparse.Namespace) -> int:
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
            f"a hit at the n-th entry: {found.read} + {found.compare} n instructions to read, "
            f"{found.write} + {found.compare} n to write\n"
            f"a miss of n entries: {found.miss} + {found.compare} n\n"
            f"{found.compiler}; {setup.version()}; our C, {found.source[:19]}\n",
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

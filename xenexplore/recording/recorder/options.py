"""Options of the recorder."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from xenexplore.errors import RecorderError
from xenexplore.recording.format.header import GuestKind

__all__ = ["BACKENDS", "SLOW", "XEN_VERSIONS", "Options"]

BACKENDS = ("disk", "net")
# Debian release that has it; both are set up the same way.
XEN_VERSIONS = {"4.17": "bookworm", "4.20": "trixie"}
_MOST_VCPUS = 8
_SLOWEST = 1000
SLOW = 4
"""Factor by which the guests' clock is slower than this machine's, as an emulated CPU is slow
too."""
_VERSION = re.compile(r"[0-9][\w.+~-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """One recording.

    Attributes:
        kind: of dom0: PV or PVH.
        out: where the recording goes.
        folder: what :class:`~xenexplore.recording.recorder.setup.RecorderSetup` made.
        vcpus: dom0's virtual CPUs, and Xen's physical ones.
        domu_vcpus: the domU's; 0: none is started.
        backends: what the domU has and uses: ``"disk"``, ``"net"``.
        persistent_grants: whether blkback may keep the disk's grants mapped.
        xen: ``"4.17"`` or ``"4.20"``.
        xen_file: a user's hypervisor instead, with ``xen_symbols``: a file, or
            Debian's package ``xen-hypervisor-*``.
        xen_symbols: its symbol file (``xen-syms.map`` of its build), or the package with it.
        kernel: a user's kernel for dom0 and domU: Debian's package ``linux-image-*``,
            or a bzImage with what it needs built in; or None.
        kernel_version: Debian's kernel of that version instead, as ``"6.12"``, or ``""``.
        workload: a shell script for dom0, run after the domU's work.
        firmware: the domU is an HVM guest with hvmloader and SeaBIOS, and a stand-in for its
            device model: no disk, and nothing behind the firmware.
        loop: dom0 is the guest of :mod:`~xenexplore.recording.recorder.loop`, and nothing else
            runs.
        slow: how many times slower than this machine's clock Xen's and the guests' runs.
        loads: count loads and stores, too (slower).
        verify: trace the run with xentrace, too, and hold the recording against that.
        keep: leave the console's text and the raw records beside ``out``.
        timeout: seconds after which a run is given up.
    """

    kind: GuestKind
    out: Path
    folder: Path
    vcpus: int = 1
    domu_vcpus: int = 1
    backends: tuple[str, ...] = ()
    persistent_grants: bool = True
    xen: str = "4.17"
    xen_file: Path | None = None
    xen_symbols: Path | None = None
    kernel: Path | None = None
    kernel_version: str = ""
    workload: Path | None = None
    firmware: bool = False
    loop: bool = False
    slow: int = SLOW
    loads: bool = False
    verify: bool = False
    keep: bool = False
    timeout: float = 900.0

    def __post_init__(self) -> None:
        if self.kind not in (GuestKind.PV, GuestKind.PVH):
            raise RecorderError("record", "kind", expected="pv or pvh", got=self.kind.value)
        for name, count, low in (("vcpus", self.vcpus, 1), ("domu-vcpus", self.domu_vcpus, 0)):
            if not low <= count <= _MOST_VCPUS:
                expected = f"{low} to {_MOST_VCPUS}"
                raise RecorderError("record", f"--{name}", expected=expected, got=str(count))
        if not 1 <= self.slow <= _SLOWEST:
            expected = f"1 to {_SLOWEST}"
            raise RecorderError("record", "--slow-clock", expected=expected, got=str(self.slow))
        if self.loop and (said := self._beside_loop()):
            raise RecorderError("record", "--loop", expected="a PVH dom0 alone", got=said)
        if self.backends and not self.domu_vcpus:
            raise RecorderError(
                "record", "--backends", expected="a domU to serve", got="--domu-vcpus 0"
            )
        if self.firmware and (self.domu_vcpus != 1 or self.backends):
            expected = "one domU of one vCPU, without --backends"
            got = f"--domu-vcpus {self.domu_vcpus} --backends {','.join(self.backends) or 'none'}"
            raise RecorderError("record", "--firmware", expected=expected, got=got)
        if self.kernel_version and not _VERSION.fullmatch(self.kernel_version):
            expected = "a version as 6.12, a package or a file"
            raise RecorderError("record", "--kernel", expected=expected, got=self.kernel_version)
        if not self.persistent_grants and "disk" not in self.backends:
            raise RecorderError(
                "record", "--no-persistent-grants", expected="a disk whose grants are kept",
                got=f"--backends {','.join(self.backends) or 'none'}", hint="add --backends disk",
            )  # fmt: skip
        if (self.xen_file is None) != (self.xen_symbols is None):
            raise RecorderError(
                "record", "--xen", expected="--xen FILE together with --xen-symbols MAP",
                got="one of them",
                hint="xen-syms.map is next to xen-syms, or in Debian's -dbg package",
            )  # fmt: skip
        for path in (self.xen_file, self.xen_symbols, self.kernel, self.workload):
            if path is not None and not path.is_file():
                raise RecorderError(str(path), "", expected="a file", got="none")

    def _beside_loop(self) -> str:
        """Options given that the loop's guest has no use for."""
        asked = {
            "pv": self.kind is not GuestKind.PVH, "--vcpus": self.vcpus != 1,
            "--domu-vcpus": self.domu_vcpus != 0, "--firmware": self.firmware,
            "--workload": self.workload is not None,
            "--kernel": bool(self.kernel or self.kernel_version), "--verify": self.verify,
        }  # fmt: skip
        return ", ".join(word for word, given in asked.items() if given)

    @property
    def machine_cpus(self) -> int:
        """Xen's physical CPUs: dom0 has a virtual one for each."""
        return self.vcpus

    def words(self) -> str:
        """The equivalent command."""
        words = ["xenexplore record", self.kind.value, f"--xen {self.xen_file or self.xen}"]
        if self.vcpus != 1:
            words.append(f"--vcpus {self.vcpus}")
        if self.loop:
            words.append("--loop")
        elif self.domu_vcpus != 1:
            words.append(f"--domu-vcpus {self.domu_vcpus}")
        words += ["--firmware"] if self.firmware else []
        if self.backends:
            words.append(f"--backends {','.join(self.backends)}")
        if not self.persistent_grants:
            words.append("--no-persistent-grants")
        if self.kernel or self.kernel_version:
            words.append(f"--kernel {self.kernel.name if self.kernel else self.kernel_version}")
        if self.workload:
            words.append(f"--workload {self.workload.name}")
        if self.slow != SLOW:
            words.append(f"--slow-clock {self.slow}")
        words += ["--counts loads"] if self.loads else []
        return " ".join([*words, "--verify"] if self.verify else words)

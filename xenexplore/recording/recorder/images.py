"""The two initial RAM disks of a recording: dom0's, with Xen's tools, and the domU's."""

from __future__ import annotations

import tempfile
from importlib import resources
from pathlib import Path

from xenexplore.recording.recorder.compiler import read_source, run_tool
from xenexplore.recording.recorder.initrd import Initrd
from xenexplore.recording.recorder.options import Options
from xenexplore.recording.recorder.parts import Parts
from xenexplore.recording.recorder.setup import RecorderSetup

__all__ = ["dom0_image", "domu_image"]

_COMMON = ("xen-privcmd", "xenfs", "xen-evtchn", "xen-gntdev", "xen-gntalloc")
_BACKENDS = ("loop", "xen-blkback", "xen-netback")
_FRONTENDS = ("xen-blkfront", "xen-netfront")
_TOOLS = ("xl", "xenstored", "xenconsoled", "xenconsole", "xen-init-dom0", "xentrace")
_BUSYBOX = ("sh", "mount", "mkdir", "cat", "echo", "cut", "grep", "sed", "sleep", "insmod", "tail",
            "touch", "dd", "losetup", "mkfifo", "nc", "timeout", "ifconfig", "ping", "pidof",
            "sync", "poweroff", "ls", "killall", "uname", "seq", "setsid", "ln", "rm", "cp", "date",
            "head", "wc", "test", "[", "true", "false", "kill", "mknod", "ps", "tr",
            "printf", "gzip", "stty")  # fmt: skip
_FOLDERS = ("proc", "sys", "dev", "run", "tmp", "etc/xen/scripts", "var/lib/xen", "var/run",
            "var/lock", "var/lib/xenstored", "var/log/xen/console", "mnt")  # fmt: skip


def _script(name: str) -> str:
    folder = resources.files("xenexplore.recording.recorder") / "guest"
    return (folder / name).read_text(encoding="utf-8")


def _base(setup: RecorderSetup, parts: Parts, modules: tuple[str, ...]) -> Initrd:
    image = Initrd(setup.guest)
    image.folder(*_FOLDERS)
    busybox = "bin/busybox" if (setup.guest / "bin" / "busybox").exists() else "usr/bin/busybox"
    image.program("bin/busybox", busybox)
    for name in _BUSYBOX:
        image.link(f"bin/{name}", "/bin/busybox")
    for name in modules:
        found = parts.module(name)
        if found is not None:
            image.module(found)
    return image


def domu_image(setup: RecorderSetup, parts: Parts) -> bytes:
    """The domU's image: it uses its devices, reports this on its console, and waits."""
    image = _base(setup, parts, _COMMON + _FRONTENDS)
    image.text("init", _script("init.domu"))
    return image.pack()


def _add_firmware(image: Initrd, setup: RecorderSetup) -> None:
    """An HVM domU's hvmloader and SeaBIOS, and the stand-in for its device model, compiled."""
    hvmloader = setup.guest / f"usr/lib/xen-{setup.xen}/boot/hvmloader"
    image.file("boot/hvmloader", hvmloader.read_bytes())
    bios = setup.emulator / "usr/share/seabios/bios-256k.bin"
    image.file("boot/bios.bin", bios.read_bytes())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "stand_in.c").write_bytes(read_source("firmware_code", "stand_in.c"))
        run_tool("gcc", "-O2", "-static", "stand_in.c", "-o", "stand-in", cwd=folder)
        image.file("stand-in", (folder / "stand-in").read_bytes(), 0o755)
    image.text("device-model.sh", _script("device-model.sh"))


def dom0_image(setup: RecorderSetup, parts: Parts, options: Options) -> bytes:
    """dom0's image: Xen's tools, the domU's kernel and image, backends, the user's workload."""
    image = _base(setup, parts, _COMMON + _BACKENDS)
    tools = f"usr/lib/xen-{setup.xen}/bin"
    for name in _TOOLS:
        where = next(
            (f for f in (tools, "usr/sbin", "usr/bin") if (setup.guest / f / name).is_file()), tools
        )
        image.program(f"{tools}/{name}", f"{where}/{name}")
        image.link(f"bin/{name}", f"/{tools}/{name}")
    image.library("libgcc_s.so.1")  # opened by pthread_cancel(), which xl calls
    for name in ("xenstore-read", "xenstore-write", "xenstore-list", "xenstore-ls"):
        image.program(f"bin/{name}", f"usr/bin/{name}")
    for name in ("block", "vif-bridge"):
        image.text(f"etc/xen/scripts/{name}", _script(f"hotplug.{name}"))
    image.text("init", _script("init.dom0"))
    for name in ("daemons.sh", "domu.sh", "firmware.sh"):
        image.text(name, _script(name))
    if options.firmware:
        _add_firmware(image, setup)
    elif options.domu_vcpus:
        image.file("boot/vmlinuz", parts.kernel.read_bytes())
        image.file("boot/domu.img", domu_image(setup, parts))
    if options.workload:
        image.text("workload.sh", options.workload.read_text(encoding="utf-8"))
    return image.pack()

"""What boots: the setup's files, a user's own, and those of Debian's packages."""

from __future__ import annotations

import subprocess
from dataclasses import replace

import pytest

from xenexplore.errors import RecorderError
from xenexplore.recording.format.header import GuestKind
from xenexplore.recording.recorder.apt import Archive
from xenexplore.recording.recorder.options import Options
from xenexplore.recording.recorder.parts import find_parts
from xenexplore.recording.recorder.setup import RecorderSetup


def package(folder, name, *files):
    """A Debian package with some files."""
    root = folder / f"{name}.root"
    for file in ("DEBIAN/control", *files):
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text(file)
    (root / "DEBIAN/control").write_text(
        f"Package: {name}\nVersion: 1\nArchitecture: amd64\nMaintainer: x <x@y>\nDescription: x\n"
    )
    deb = folder / f"{name}.deb"
    subprocess.run(["dpkg-deb", "-b", str(root), str(deb)], check=True, capture_output=True)
    return deb


@pytest.fixture
def setup(tmp_path):
    folder = tmp_path / "folder"
    for name in ("boot/xen-4.17-amd64.gz", "boot/vmlinuz-6.1", "usr/lib/debug/xen-syms-4.17.map",
                 "lib/modules/6.1/kernel/drivers/xen-gntdev.ko"):  # fmt: skip
        path = folder / "guest-4.17" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return RecorderSetup(folder)


@pytest.fixture
def options(setup, tmp_path):
    return Options(kind=GuestKind.PVH, out=tmp_path / "o", folder=setup.folder)


def quietly(*_):
    return None


def test_the_set_ups_own(setup, options):
    parts = find_parts(setup, options, quietly)
    assert parts.hypervisor.name == "xen-4.17-amd64.gz"
    assert parts.symbols.name == "xen-syms-4.17.map"
    assert parts.kernel.name == "vmlinuz-6.1"
    assert parts.module("xen-gntdev").name == "xen-gntdev.ko"
    assert parts.module("xenfs") is None


def test_packages_and_files_of_ones_own(setup, options, tmp_path):
    xen = package(tmp_path, "xen-hypervisor-4.18-amd64", "boot/xen-4.18-amd64.gz")
    symbols = package(tmp_path, "xen-hypervisor-4.18-amd64-dbg", "usr/lib/debug/xen-syms-4.18.map")
    kernel = package(tmp_path, "linux-image-6.12-amd64", "boot/vmlinuz-6.12",
                     "usr/lib/modules/6.12/kernel/drivers/xen-gntdev.ko.xz")  # fmt: skip
    own = replace(options, xen_file=xen, xen_symbols=symbols, kernel=kernel)
    for _ in range(2):  # unpacked once
        parts = find_parts(setup, own, quietly)
        assert parts.hypervisor.read_text() == "boot/xen-4.18-amd64.gz"
        assert parts.symbols.read_text() == "usr/lib/debug/xen-syms-4.18.map"
        assert parts.kernel.read_text() == "boot/vmlinuz-6.12"
        assert parts.module("xen-gntdev").name == "xen-gntdev.ko.xz"
    assert len(list((setup.folder / "packages").iterdir())) == 3
    image = tmp_path / "bzImage"
    image.write_text("own")
    parts = find_parts(setup, replace(options, kernel=image), quietly)
    assert (parts.kernel, parts.modules_root) == (image, setup.guest)
    with pytest.raises(RecorderError, match=r"expected a package with boot/vmlinuz-\*"):
        find_parts(setup, replace(options, kernel=xen), quietly)


def test_a_kernel_of_debians(setup, options, tmp_path, monkeypatch):
    asked = []
    names = ("linux-image-6.12.9+deb13-amd64", "linux-image-6.12.57+deb13-amd64",
             "linux-image-6.12.99+deb13-cloud-amd64", "linux-image-6.12.99+deb13-rt-amd64",
             "linux-image-6.12.99+deb13-amd64-unsigned", "linux-image-6.120-amd64")  # fmt: skip

    def fetch(self, name, into):
        asked.append((self.release, name))
        into.mkdir(parents=True, exist_ok=True)
        return package(tmp_path, name, "boot/vmlinuz-6.12").rename(into / f"{name}_1_amd64.deb")

    monkeypatch.setattr(
        Archive, "names", lambda self, beginning: names if self.release == "trixie" else ()
    )
    monkeypatch.setattr(Archive, "fetch", fetch)
    twelve = replace(options, kernel_version="6.12")
    for _ in range(2):  # fetched once
        assert find_parts(setup, twelve, quietly).kernel.read_text() == "boot/vmlinuz-6.12"
    assert asked == [("trixie", "linux-image-6.12.57+deb13-amd64")]
    assert "--kernel 6.12" in twelve.words()
    with pytest.raises(RecorderError, match=r"--kernel: expected a kernel of Debian.*got '5\.4'"):
        find_parts(setup, replace(options, kernel_version="5.4"), quietly)

"""The archive, read back by a parser of the format; libraries, against the loader's own list."""

from __future__ import annotations

import lzma
import subprocess
import sys
from pathlib import Path

import pytest

from xenexplore.errors import RecorderError
from xenexplore.recording.recorder.initrd import Initrd, needed


def entries(raw: bytes) -> dict[str, tuple[int, bytes]]:
    """Mode and content of each entry (cpio "newc": initramfs buffer format of Linux's docs)."""
    found, at = {}, 0
    while True:
        assert raw[at : at + 6] == b"070701"
        fields = [int(raw[at + 6 + 8 * i : at + 14 + 8 * i], 16) for i in range(13)]
        size, length = fields[6], fields[11]
        name = raw[at + 110 : at + 110 + length - 1].decode()
        data = at + (110 + length + 3) // 4 * 4
        if name == "TRAILER!!!":
            return found
        assert name not in found
        found[name] = fields[1], raw[data : data + size]
        at = data + (size + 3) // 4 * 4


@pytest.fixture
def root(tmp_path):
    library = tmp_path / "usr/lib/x86_64-linux-gnu"
    library.mkdir(parents=True)
    for line in subprocess.run(
        ["ldd", sys.executable], capture_output=True, text=True, check=True
    ).stdout.splitlines():
        path = next((Path(word) for word in line.split() if word.startswith("/")), None)
        if path is not None:
            where = tmp_path / "lib64" if path.name.startswith("ld-linux") else library
            where.mkdir(exist_ok=True)
            (where / path.name).write_bytes(path.read_bytes())
    program = tmp_path / "usr/bin/program"
    program.parent.mkdir()
    program.write_bytes(Path(sys.executable).read_bytes())
    return tmp_path


def test_what_goes_in_comes_out(tmp_path):
    image = Initrd(tmp_path)
    image.folder("proc", "var/log/xen")
    image.text("init", "#!/bin/sh\n")
    image.file("boot/kernel", b"12345")
    image.link("bin/sh", "/bin/busybox")
    (tmp_path / "m.ko.xz").write_bytes(lzma.compress(b"module"))
    image.module(tmp_path / "m.ko.xz")
    found = entries(image.pack())
    assert found["init"] == (0o100755, b"#!/bin/sh\n")
    assert found["boot/kernel"] == (0o100644, b"12345")
    assert found["bin/sh"] == (0o120777, b"/bin/busybox")
    assert found["lib/modules/m.ko"] == (0o100644, b"module")
    assert found["var/log"] == found["proc"] == (0o040755, b"")
    names = list(found)
    assert all(
        names.index(name.rpartition("/")[0]) < names.index(name) for name in names if "/" in name
    )


def test_same_files_same_bytes(tmp_path):
    packs = set()
    for order in (("a", "b/c"), ("b/c", "a")):
        image = Initrd(tmp_path)
        for name in order:
            image.file(name, name.encode())
        packs.add(image.pack())
    assert len(packs) == 1


def test_a_program_brings_the_libraries_that_the_loader_names(root):
    image = Initrd(root)
    image.program("bin/program", "usr/bin/program")
    found = {Path(name).name for name in entries(image.pack())}
    said = subprocess.run(["ldd", sys.executable], capture_output=True, text=True, check=True)
    names = {Path(line.split()[0]).name for line in said.stdout.splitlines()}
    names = {name for name in names if not name.startswith("linux-vdso")}
    assert names
    assert names <= found


def test_static_and_other_files_need_nothing():
    assert needed(b"#!/bin/sh\n") == ()
    assert needed(b"") == ()


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(RecorderError, match=r"usr/bin/xl: expected a file .*--setup"):
        Initrd(tmp_path).program("bin/xl", "usr/bin/xl")

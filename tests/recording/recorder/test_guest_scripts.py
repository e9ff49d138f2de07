"""dom0's scripts for the domU, run by a shell with stand-ins for Xen's programs."""

from __future__ import annotations

import re
import shutil
import subprocess
from importlib import resources

import pytest

GUEST = resources.files("xenexplore.recording.recorder") / "guest"
INIT, DAEMONS, DOMU = (
    (GUEST / name).read_text() for name in ("init.dom0", "daemons.sh", "domu.sh")
)
OWN = ("cat", "grep", "sed", "mkdir", "touch", "tail", "dd", "mkfifo", "cut", "echo")
STANDS = ("xenstored", "xenconsoled", "xen-init-dom0", "insmod", "mount", "losetup", "sleep", "nc",
          "xenstore-read", "timeout")  # fmt: skip


@pytest.fixture
def run(tmp_path):
    """Run the script: its programs' texts by name, the kernel's command line; what it says."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in OWN:
        (programs / name).symlink_to(shutil.which(name))

    def go(words, **texts):
        for folder in ("proc", "etc/xen", "var/log/xen/console", "dev"):
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / "proc/cmdline").write_text(f"console=hvc0 record.domu=2 {words}\n")
        (tmp_path / "proc/uptime").write_text("7.5 1\n")
        for name in (*STANDS, "xl"):
            text = texts.get(name.replace("-", "_"), "")
            (programs / name).write_text(f"#!{shutil.which('sh')}\n{text}\n")
            (programs / name).chmod(0o755)
        defined = [line for line in INIT.splitlines() if re.match(r"(mark|has|fault)\(\)", line)]
        assert len(defined) == 3
        text = "\n".join([*defined, DAEMONS, DOMU])
        moved = re.sub(r"(?<![\w.])/(?=(proc|etc|var|run|ram|lib|fifo)\b)", f"{tmp_path}/", text)
        done = subprocess.run(
            [shutil.which("sh"), "-c", moved.replace("/dev/loop0", f"{tmp_path}/dev/loop0")],
            env={"PATH": str(programs), "ROOT": str(tmp_path)},
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.stderr == ""
        return re.findall(r"^RECORD-((?:MARK|FAULT) .*?)(?: 7\.5)?$", done.stdout, re.MULTILINE)

    return go


def create(then):
    """``xl`` whose domU does as told by the time that ``create`` is over."""
    return f"""log=$ROOT/var/log/xen/console/guest-d1.log
[ $1 = create ] || exit 0
{then}"""


def test_a_domu_to_its_end(run, tmp_path):
    xl = create("echo RECORD-DOMU-net RECORD-DOMU-done > $log")
    said = run("record.disk record.net record.nopersistent", xl=xl, insmod='echo "$@" >> $ROOT/in')
    assert said == ["MARK tools", "MARK create", "MARK created", "MARK domu-done"]
    config = (tmp_path / "etc/xen/domu.cfg").read_text()
    assert "vcpus=2\n" in config
    assert 'cmdline="console=hvc0 root=/dev/ram0 record.disk record.net"' in config
    assert "xen-blkback.ko feature_persistent=0" in (tmp_path / "in").read_text()


def test_a_domu_that_cannot_be_created_is_not_waited_for(run):
    said = run("", xl=create("exit 3"))
    assert said == ["MARK tools", "MARK create", "FAULT xl create: exit status 3"]


@pytest.mark.parametrize("there", ["exit 0", "exit 1"], ids=["silent", "gone"])
def test_a_domu_that_does_not_come_to_its_end(run, there):
    said = run("record.net", xl=create("echo booting > $log"), xenstore_read=there)
    assert said[-2:] == ["FAULT the domU did not come to RECORD-DOMU-net", "MARK domu-done"]

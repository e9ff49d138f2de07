"""Run the README's commands on a machine that has nothing: a minimal Debian in a folder.

Usage: python3 tests/tools/fresh_machine.py SUITE [lab] [test] ['COMMAND'] [--keep DIR]

SUITE is bookworm (Debian 12), trixie (13) or a later one.  ``test`` runs the
README's test command to the letter; ``lab`` runs its lab command, waits until
the server answers, ends it with SIGTERM and sees that nothing of it is left;
anything else is a shell command.  Each gets a machine of its own, made by
debootstrap, without git, with a clean environment and a copy of the source.
Tests that fail there are run once more, alone: what then passes depended on the
load, is said, and does not count; an installation that fails counts at once.
With ``--keep`` the machines stay in DIR and are used again.  Needs root,
debootstrap and 4 GB of disk; where it cannot run it says so and exits with 77.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import reach
from inside import inside
from readme_command import command_of

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from source_tree import ROOT, source_files

CANNOT = 77
ADDRESS = re.compile(r"http://(127\.0\.0\.1|localhost):(\d+)/\S*token=([\w-]+)")
SOURCE = "/src/xenexplore"
ENDED = 'echo "the lab command ended with $?"'
# Where nothing failed in a test, nothing is run again, and that is a failure too.
AGAIN = ".venv/bin/python -m pytest -q --last-failed --last-failed-no-failures none"
LIMIT = 1800  # seconds until the lab's server has to answer; installing is in it
ENTER = """
set -e
mount --make-rprivate /
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/dev/shm"
for path in "$@"; do
    mkdir -p "$root${path%/*}"
    if [ -d "$path" ]; then mkdir -p "$root$path"; else : >"$root$path"; fi
    mount --bind "$path" "$root$path"
done
exec chroot "$root" env -u root -u source -u command bash -c "cd $source && $command"
"""


class NotAsSaidError(Exception):
    """The command did not do what the README says."""


def why_not() -> str:
    """Why no machine can be made here; "" if one can."""
    if os.geteuid() != 0:
        return "that takes root"
    if shutil.which("debootstrap") is None:
        return "debootstrap is not installed"
    able = subprocess.run(
        ["unshare", "-m", "-p", "-f", "mount", "--make-rprivate", "/"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return able.stderr.strip()


def make(suite: str, base: Path) -> None:
    """A minimal Debian in ``base``, unless it is there."""
    if (base / "etc/debian_version").exists():
        return
    # A release that this debootstrap is older than is made as unstable is.
    known = Path("/usr/share/debootstrap/scripts", suite).exists()
    command = ["debootstrap", "--variant=minbase", "--include=ca-certificates", suite, str(base),
               reach.mirror(), *([] if known else ["sid"])]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotAsSaidError("\n".join(done.stdout.splitlines()[-5:]) + done.stderr)


def copy_source(root: Path) -> None:
    """The project's files, as a source archive has them: no repository."""
    target = root / SOURCE[1:]
    shutil.rmtree(target, ignore_errors=True)
    for name in source_files():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target / name)


def enter(root: Path, command: str, **streams: object) -> subprocess.Popen[bytes]:
    """Start a shell command in the machine; all of it ends when the process is killed."""
    mounts = [str(path) for path in reach.hand_over(root)]
    told = {"root": str(root), "source": SOURCE, "command": command}
    return subprocess.Popen(
        ["unshare", "-m", "-p", "-f", "--kill-child", "bash", "-c", ENTER, "enter", *mounts],
        env=reach.environment() | told, stdin=subprocess.DEVNULL, **streams,
    )  # type: ignore[call-overload]  # fmt: skip


def run_command(root: Path, command: str) -> None:
    """Run to its end, in full view."""
    shell = enter(root, command)
    try:
        code = shell.wait()
    finally:
        shell.kill()
        shell.wait()
    if code:
        raise NotAsSaidError(f"ended with {code}")


def run_test(root: Path) -> str:
    """The README's test command; returns what is to be said of a second run, if there was one."""
    try:
        run_command(root, command_of("test"))
    except NotAsSaidError:
        print(f"  failed; once more, what failed: {AGAIN}", flush=True)
        run_command(root, AGAIN)
        return ", some of it at the second run"
    return ""


def run_lab(root: Path, start: float) -> None:
    """Open the lab as the README says, reach it, end it, and see what it leaves."""
    out = root / "lab.out"
    with out.open("wb") as log:
        # What outlives the launcher stays in sight: the machine does not end with it.
        shell = enter(
            root, f"{command_of('lab')}\n{ENDED}\nexec sleep infinity", stdout=log, stderr=log
        )
    try:
        host, port, token = _answering(shell, out)
        print(
            f"  answers at http://{host}:{port}/ after {time.monotonic() - start:.0f} s", flush=True
        )
        launchers = [p for p in inside(root) if p.runs("bin/xenexplore", "lab")]
        if len(launchers) != 1:
            raise NotAsSaidError(f"one `xenexplore lab` expected, {len(launchers)} found")
        os.kill(launchers[0].pid, signal.SIGTERM)
        end = time.monotonic() + 30
        while left := [p for p in inside(root) if not p.runs("sleep", "infinity")]:
            if time.monotonic() > end:
                raise NotAsSaidError("left after SIGTERM: " + "; ".join(p.shown() for p in left))
            time.sleep(0.2)
        print(f"  ended by SIGTERM, nothing left (token of {len(token)} characters)", flush=True)
    finally:
        shell.kill()
        shell.wait()


def _answering(shell: subprocess.Popen[bytes], out: Path) -> tuple[str, str, str]:
    """Wait for an address in the output, and for the server behind it."""
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        time.sleep(0.5)
        text = out.read_text(encoding="utf-8", errors="replace")
        for host, port, token in ADDRESS.findall(text):
            try:
                for page in ("api/status", "lab"):
                    url = f"http://{host}:{port}/{page}?token={token}"
                    with urllib.request.urlopen(url, timeout=10) as answer:
                        assert answer.status == 200
            except OSError:
                continue
            return host, port, token
        if shell.poll() is not None or "the lab command ended with" in text:
            break
    raise NotAsSaidError("no server answered:\n" + text[-2000:])


def main() -> int:
    """Run each command on a machine of its own; 1 if one failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("suite")
    parser.add_argument("commands", nargs="+", metavar="lab|test|COMMAND")
    parser.add_argument("--keep", type=Path, help="make the machines in DIR, and leave them")
    args = parser.parse_args()
    # Ended from outside, it ends what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if why := why_not():
        print(f"fresh machine {args.suite}: none can be made here: {why}", flush=True)
        return CANNOT
    failed = 0
    with tempfile.TemporaryDirectory(prefix="fresh-machine-") as made:
        place = args.keep or Path(made)
        place.mkdir(parents=True, exist_ok=True)
        base = place / f"{args.suite}-base"
        for number, what in enumerate(args.commands):
            start = time.monotonic()
            named = what if what in ("lab", "test") else f"command-{number}"
            print(f"fresh machine {args.suite}, {named}:", flush=True)
            root = (place / f"{args.suite}-{named}").resolve()
            try:
                make(args.suite, base)
                if not root.exists():
                    subprocess.run(["cp", "-a", "--reflink=auto", base, root], check=True)
                copy_source(root)
                verdict = "passed"
                if what == "lab":
                    run_lab(root, start)
                elif what == "test":
                    verdict += run_test(root)
                else:
                    run_command(root, what)
            except NotAsSaidError as failure:
                failed, verdict = 1, f"FAILED: {failure}"
            took = time.monotonic() - start
            print(f"fresh machine {args.suite}, {named}: {verdict} ({took:.0f} s)", flush=True)
            if not args.keep:
                subprocess.run(["rm", "-rf", "--one-file-system", root], check=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())

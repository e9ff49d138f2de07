"""What each release's public headers say: every sub-op's number, and a digest of the layouts.

The package does not need Xen's headers, and nor do its tests: ``data/interfaces.txt`` and
``data/layouts.txt`` hold what gcc found in them.  To look everything up again, with every
release's headers at hand (as for generate_structs.py)::

    python tests/tools/interfaces.py 4.17=INCLUDE_DIR 4.18=INCLUDE_DIR ...

It writes both lists anew.  Needs gcc.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from generate_structs import ARCH_FLAGS, span, translation_unit
from layout_probe import assertions_of, probe_of

from xenexplore.hypercalls.releases import READ, RELEASES, Releases
from xenexplore.hypercalls.structs import ARCHES, COMPAT

DATA = Path(__file__).resolve().parents[1] / "data"
NUMBERS, LAYOUTS = DATA / "interfaces.txt", DATA / "layouts.txt"

# What hypercall numbers, sub-ops and sub-ops of sub-ops are called in the headers.
PREFIXES = (
    "__HYPERVISOR_", "XENMEM_", "VCPUOP_", "EVTCHNOP_", "GNTTABOP_", "XENVER_", "CONSOLEIO_",
    "VMASST_CMD_", "SCHEDOP_", "CALLBACKOP_", "PHYSDEVOP_", "HVMOP_", "XEN_SYSCTL_",
    "XEN_DOMCTL_", "XENPF_", "KEXEC_CMD_", "XENPMU_", "XENNMI_", "XENOPROF_", "XEN_ARGO_OP_",
    "XEN_HYPFS_OP_", "XEN_DMOP_", "MMUEXT_", "MMU_", "FLASK_", "XEN_MC_", "PMSTAT_", "XEN_EFI_",
    "XEN_FW_", "GET_CPUFREQ_", "SET_CPUFREQ_", "XEN_MCA_INTERFACE_",
)  # fmt: skip

# Further numbers of theirs that the catalogue uses; not all that start so are in it.
ALSO = (
    "XEN_CORE_PARKING_", "XEN_PCI_DEV_", "XEN_PM_", "XEN_PX_", "XEN_RESOURCE_OP_",
    "XEN_VCPUAFFINITY_", "XEN_VM_EVENT_", "sysctl_page_", "sysctl_query_page_",
)  # fmt: skip

_DEFINED = re.compile(r"^\s*#\s*define\s+(\w+)\s+\(?(\d+)\)?\s*$", re.MULTILINE)


def run_gcc(include: str, arch: str, body: str) -> tuple[list[str], str]:
    """Lines that ``body`` prints as a main() after every header; or gcc's errors."""
    source = (
        translation_unit(arch)
        + "int printf(const char *, ...);\nvoid *memset(void *, int, unsigned long);\n"
        + "int main(void)\n{\n" + body + "return 0;\n}\n"
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        path, program = Path(folder) / "probe.c", Path(folder) / "probe"
        path.write_text(source)
        made = subprocess.run(
            ["gcc", "-w", "-O0", "-ffreestanding", f"-I{include}", *ARCH_FLAGS[arch],
             str(path), "-o", str(program)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if made.returncode:
            return [], made.stderr
        done = subprocess.run([str(program)], capture_output=True, text=True, check=True)
    return done.stdout.splitlines(), ""


def wrong_in_32_bit(include: str, lines: list[str]) -> list[str]:
    """Assertions (:func:`~layout_probe.assertions_of`) that ``gcc -m32`` refuses, or its errors."""
    done = subprocess.run(
        ["gcc", "-w", "-fsyntax-only", "-ffreestanding", f"-I{include}", *ARCH_FLAGS[COMPAT],
         "-xc", "-"],
        input=translation_unit(COMPAT) + "\n".join(lines), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    refused = re.findall(r'static assertion failed: "(.*?)"', done.stderr)
    return refused or ([done.stderr[:2000]] if done.returncode else [])


def macro_texts(include: str, arch: str) -> dict[str, str]:
    """Every macro that the headers define, with its text."""
    done = subprocess.run(
        ["gcc", "-dM", "-E", "-ffreestanding", f"-I{include}", *ARCH_FLAGS[arch], "-"],
        input=translation_unit(arch), capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = (line.removeprefix("#define ").partition(" ") for line in done.stdout.splitlines())
    return {name: text for name, _, text in found}


def macro_numbers(include: str, arch: str) -> dict[str, int]:
    """The macros of :data:`PREFIXES` and :data:`ALSO` that are integers, as gcc has them."""
    names = [
        name
        for name, text in sorted(macro_texts(include, arch).items())
        if name.startswith(PREFIXES + ALSO) and "(" not in name and text
    ]
    offset = translation_unit(arch).count("\n") + 4
    while True:
        body = "".join(f'printf("{name} %lld\\n", (long long)({name}));\n' for name in names)
        lines, errors = run_gcc(include, arch, body)
        if not errors:
            return {name: int(value) for name, value in map(str.split, lines)}
        wrong = {int(n) - offset - 1 for n in re.findall(r"probe\.c:(\d+):", errors)}
        wrong &= set(range(len(names)))
        assert wrong, errors[:2000]
        names = [name for index, name in enumerate(names) if index not in wrong]


def written_numbers(include: str) -> dict[str, int]:
    """What the headers define for Xen itself or for old interfaces only: literals in the text."""
    found: dict[str, int] = {}
    for path in sorted((Path(include) / "xen").rglob("*.h")):
        text = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        for name, value in _DEFINED.findall(text):
            if name.startswith(PREFIXES):
                found[name] = int(value)
    return found


def numbers_of(include: str) -> set[tuple[str, int, str]]:
    """Name, number and where it is defined: x86_64, arm64, both, or xen (not for guests)."""
    x86, arm = (macro_numbers(include, arch) for arch in ARCHES)
    rows = {(name, value, "both") for name, value in x86.items() & arm.items()}
    rows |= {(name, value, "x86_64") for name, value in x86.items() - arm.items()}
    rows |= {(name, value, "arm64") for name, value in arm.items() - x86.items()}
    own = written_numbers(include)
    return rows | {(n, v, "xen") for n, v in own.items() if n not in x86 and n not in arm}


@cache
def read_numbers() -> tuple[tuple[str, int, str, Releases], ...]:
    """The shipped list: name, number, where it is defined, for which releases."""
    lines = NUMBERS.read_text(encoding="ascii").splitlines()
    rows = (line.split() for line in lines if not line.startswith("#"))
    return tuple((row[0], int(row[1]), row[2], Releases.parse("".join(row[3:]))) for row in rows)


def digest(lines: list[str]) -> str:
    """Of what a probe prints."""
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


_HEAD = """\
# Made by tests/tools/interfaces.py from the public headers of Xen's repository:
{read}
"""


def main(words: list[str]) -> None:
    """Write both lists from the headers."""
    trees = dict(word.split("=", 1) for word in words)
    assert tuple(trees) == RELEASES, f"name every release, in order: {RELEASES}"
    head = _HEAD.format(read="\n".join(f"# {name}: {what}" for name, what in READ.items()))
    rows: dict[tuple[str, int, str], list[str]] = {}
    for release, include in trees.items():
        for row in numbers_of(include):
            rows.setdefault(row, []).append(release)
    text = "".join(
        " ".join((name, str(value), where, span(tuple(versions), RELEASES))).rstrip() + "\n"
        for (name, value, where), versions in sorted(rows.items())
    )
    what = "# name, number, where it is defined (xen: not for guests), releases (none: all)\n"
    NUMBERS.write_text(head + what + text, "ascii")
    probes = ""
    for release, include in trees.items():
        for arch in ARCHES:
            lines, errors = run_gcc(include, arch, probe_of(arch, release)[0])
            assert not errors, errors[:2000]
            probes += f"{release} {arch} {len(lines)} {digest(lines)}\n"
        lines = assertions_of(release)
        assert wrong_in_32_bit(include, lines) == []
        probes += f"{release} {COMPAT} {len(lines)} {digest(lines)}\n"
    what = "# release, architecture, probed structs and fields, SHA-256 of what gcc says of them\n"
    what += "# (x86_32: of the assertions that gcc -m32 accepts)\n"
    LAYOUTS.write_text(head + what + probes, "ascii")


if __name__ == "__main__":
    main(sys.argv[1:])

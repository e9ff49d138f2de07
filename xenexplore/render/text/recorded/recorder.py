"""Text of the recorder: hooked functions, and a recording held against a trace."""

from __future__ import annotations

from textwrap import fill

from xenexplore.recording.recorder.held import Call, CpuHeld
from xenexplore.recording.recorder.hooks import HOOKS
from xenexplore.recording.recorder.xentrace import MASK

__all__ = ["held_line", "hook_list"]

_WIDTH = 72
# What the emulator gives and a CPU does not.
_NOT_THERE = (
    (
        "Hooks",
        (
            "an unmodified Xen has no probes that can be enabled at run time. Each function "
            "needs a TRACE_xD() in your own build, or a live patch; either adds to the counts."
        ),
    ),
    (
        "Numbers and order of hypercalls",
        (
            f"on an unmodified Xen, with xentrace -D -e {MASK:#x} FILE, then xenexplore record "
            "--from xentrace FILE. Xen traces neither a buffer's address nor its length."
        ),
    ),
    (
        "Instructions of a copy or a walk",
        (
            "with a performance counter that your build reads at entry and return (RDPMC). The "
            "reads and every interrupt in between are included in the count."
        ),
    ),
    ("Loads and stores", "the same, with another counter; not all CPUs count both."),
    (
        "Exit to entry",
        (
            "no hooks needed: xentrace records TRC_HVM_VMEXIT and TRC_HVM_VMENTRY with the TSC, "
            "which is time, not instructions."
        ),
    ),
    (
        "PV guests' copies of 1, 2, 4 or 8 bytes",
        "inlined by the compiler: neither this recorder nor a hook sees them.",
    ),
    ("The same run twice", "not possible: interrupts arrive at different times."),
)


def hook_list() -> str:
    """Every hooked function: where, what is read there; then what hardware cannot give."""
    lines = ["Functions of Xen that are hooked (4.17 to 4.20, x86), below xen/:", ""]
    for name, hook in HOOKS.items():
        lines.append(f"{name}  {hook.file}")
        lines.append(fill(hook.reads, _WIDTH, initial_indent="    ", subsequent_indent="    "))
    lines += ["", "A recorder on hardware:", ""]
    for what, why in _NOT_THERE:
        lines.append(fill(f"{what}: {why}", _WIDTH, initial_indent="- ", subsequent_indent="  "))
    return "\n".join(lines) + "\n"


def held_line(cpu: CpuHeld) -> str:
    """Comparison of one CPU's hypercalls with xentrace's."""
    text = (
        f"CPU {cpu.pcpu}: {cpu.equal} of {cpu.traced} traced hypercalls recorded in order, "
        f"of {cpu.recorded} recorded"
    )
    if cpu.differs is None:
        return text
    place, traced, recorded = cpu.differs
    return f"{text}; the first that differs: {place}, traced {_call(traced)}, recorded " + (
        _call(recorded) if recorded else "nothing"
    )


def _call(call: Call) -> str:
    hvm, number, domain, vcpu = call
    return f"{'hvm' if hvm else 'pv'} {number} of d{domain}v{vcpu}"

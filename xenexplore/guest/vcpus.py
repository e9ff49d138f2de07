"""vCPUs and processes: the page tables in CR3, and the stacks."""

from __future__ import annotations

from dataclasses import dataclass, field

from xenexplore.addr import Gpa, Gva

__all__ = ["ARGUMENT_REGISTERS", "KERNEL_SPACE", "Process", "Vcpu"]

#: 64-bit hypercall ABI: the number is in RAX, the arguments in these, in order.
#: Source: docs/guest-guide/x86/hypercall-abi.rst (Xen 4.17).
ARGUMENT_REGISTERS = ("rdi", "rsi", "rdx", "r10", "r8")

#: Name of the address space that has no user half of its own (Linux: init_mm).
KERNEL_SPACE = "kernel"

_REGISTERS = ("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11",
              "r12", "r13", "r14", "r15", "rip", "rflags")  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """An address space with a user half of its own and the shared kernel half.

    Attributes:
        name: what the scenario calls it.
        pid: small number, in order of creation; 0 is the kernel's own space.
        root: guest-physical address of its top-level table (without C-bit).
        user_root: the one that user mode runs on, under page-table isolation; None: ``root``.
    """

    name: str
    pid: int
    root: Gpa
    user_root: Gpa | None = None


@dataclass(slots=True, kw_only=True)
class Vcpu:
    """One virtual CPU; only its Domain and the hypervisor model change it.

    Attributes:
        index: from 0.
        process: name of the process that runs on it.
        cr3: root of the current page tables (without C-bit or PCID).
        kernel_stack: lowest address of the running thread's kernel stack.
        percpu: base of its per-CPU area (Linux: GS base in the kernel).
        cpl: current privilege level: 0, as a hypercall needs it (a PV kernel runs
            in ring 3; Xen tells it from user mode by TF_kernel_mode); 3 in user mode.
        registers: general registers, RIP and RFLAGS by lower-case name.
    """

    index: int
    process: str
    cr3: Gpa
    kernel_stack: Gva
    percpu: Gva
    cpl: int = 0
    registers: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_REGISTERS, 0))

"""A scenario as frozen records: a guest, buffers, actions, options, expectations.

The records say what the text says, no more: addresses and frames are found
when a machine is built (:mod:`xenexplore.scenario.run.build`).  Lines of the text
are kept for messages only and do not take part in comparisons.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from xenexplore.addr import Gfn, Gva
from xenexplore.display import Shown
from xenexplore.guest.spec import GuestSpec
from xenexplore.hypercalls.releases import DEFAULT
from xenexplore.hypercalls.structs import structs_for
from xenexplore.options.variant import Variant
from xenexplore.scenario.model.about import About
from xenexplore.scenario.model.action import ActionSpec
from xenexplore.scenario.model.step_note import StepNote
from xenexplore.scenario.model.values import Elements, Pairs
from xenexplore.steps import Status

__all__ = ["BufferSpec", "Contents", "Expectation", "Scenario"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """Contents of a buffer before the first action; one of the four, the rest is zero.

    Attributes:
        struct: a struct of the public interface, or a scalar type of it
            (``"xen_pfn_t"``), that defines the layout of ``fields`` or ``array``.
        fields: dotted field path to value.
        array: one entry per element: field pairs, or a value for scalars.
        text: a string; its terminating zero is added.
        data: bytes.
        at: offset of the contents in the buffer.
        xen: the release of Xen whose public headers define the layout.
    """

    struct: str = ""
    fields: Pairs = ()
    array: Elements = ()
    text: str = ""
    data: bytes = b""
    at: int = 0
    xen: str = DEFAULT

    @property
    def size(self) -> int:
        """Bytes that a buffer needs for them; 0 where there are none."""
        if self.struct:
            size = structs_for("x86_64", self.xen).sizeof(self.struct) * max(1, len(self.array))
        elif self.text:
            size = len(self.text.encode()) + 1
        else:
            size = len(self.data)
        return self.at + size if size else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BufferSpec:
    """A buffer as the text describes it.

    Attributes:
        name: name by which actions refer to it.
        place: a kind of place (:data:`xenexplore.guest.placement.buffers.KINDS`).
        size: bytes; default: the size of its contents.
        offset: offset in its first page; default: chosen by the kind's allocator.
        vcpu: the vCPU whose stack, per-CPU area or process has it.
        process: the process in whose page tables it is mapped (``user``, ``privcmd``, ``fixed``).
        address: exact linear address.
        frames: exact guest frames, one per page touched.
        shared: encrypted guests: shared with the hypervisor (default: not shared).
        writable: mapped writable.
        contents: its contents.
        line: line of the text, from 1; 0 if it never was text.
    """

    name: str
    place: str
    size: int | None = None
    offset: int | None = None
    vcpu: int = 0
    process: str | None = None
    address: Gva | None = None
    frames: tuple[Gfn, ...] = ()
    shared: bool | None = None
    writable: bool = True
    contents: Contents = field(default_factory=Contents)
    line: int = field(default=0, compare=False)

    @property
    def length(self) -> int:
        """Bytes that it takes."""
        return self.contents.size if self.size is None else self.size


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """Expected result; every field that is not None (or empty) is checked.

    Attributes:
        options: labels of the options that it applies to; empty: all of them.
        status: the run's verdict.
        result: RAX of the last hypercall: 0, a number that it returns, or -errno.
        right_bytes: bytes that reached the frames that the caller meant.
        wrong_bytes: bytes that went to or came from other frames.
        lost_checks: accesses that today's walk would have rejected.
        hazards: names of all hazards that appear, in order; default: not checked.
        reason: part of the reason for a refusal.
        counts: counts of steps in the actions.
        setup: counts of steps in the setup.
        line: line of the text, from 1.
    """

    options: tuple[str, ...] = ()
    status: Status | None = None
    result: int | None = None
    right_bytes: int | None = None
    wrong_bytes: int | None = None
    lost_checks: int | None = None
    hazards: tuple[str, ...] | None = None
    reason: str | None = None
    counts: tuple[tuple[str, int], ...] = ()
    setup: tuple[tuple[str, int], ...] = ()
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario(Shown):
    """A scenario.

    Attributes:
        about: name, title, origin, prose.
        guest: specification of the machine.
        xen: the release of Xen that the guest runs on, as the catalogue names it.
        buffers: in the order in which they are placed.
        actions: in the order in which they happen.
        options: the options under which it is run; empty: every option that was specified in the
            thread, with its defaults.
        expects: expected results.
        notes: bookmarks, and notes on steps of its runs.
        source: the file, the built-in's name or ``"standard input"``, for messages.
    """

    about: About
    guest: GuestSpec = field(default_factory=GuestSpec)
    xen: str = DEFAULT
    buffers: tuple[BufferSpec, ...] = ()
    actions: tuple[ActionSpec, ...] = ()
    options: tuple[Variant, ...] = ()
    expects: tuple[Expectation, ...] = ()
    notes: tuple[StepNote, ...] = ()
    source: str = field(default="a scenario", compare=False)

    def __repr__(self) -> str:
        options = "every option" if not self.options else _counted(self.options, "option")
        actions = _counted(self.actions, "action")
        return f"<Scenario {self.about.name}: {self.guest.type} guest, {actions}, {options}>"

    def buffer(self, name: str) -> BufferSpec | None:
        """The buffer of that name, or None."""
        return next((buffer for buffer in self.buffers if buffer.name == name), None)


def _counted(things: Sequence[object], what: str) -> str:
    return f"{len(things)} {what}{'' if len(things) == 1 else 's'}"

"""A guest at the prompt."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import MISSING, fields, replace
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

from xenexplore.addr import Gva
from xenexplore.display import Pictured
from xenexplore.errors import MachineError
from xenexplore.guest.spec import GuestSpec, no_such
from xenexplore.hypercalls.releases import DEFAULT, release_of
from xenexplore.paging import READ, Access, Manner, Walk, walk
from xenexplore.scenario.model import action_records as records
from xenexplore.scenario.model.about import About
from xenexplore.scenario.model.action_records import ActionSpec
from xenexplore.scenario.model.scenario import Scenario
from xenexplore.scenario.text.load_guest import parse_size
from xenexplore.session.buffer import Buffer
from xenexplore.session.buffers import Buffers
from xenexplore.session.machine import SessionMachine
from xenexplore.session.memory import MemoryView
from xenexplore.session.p2m import P2mView
from xenexplore.session.page_tables import PageTablesView
from xenexplore.session.places import Places
from xenexplore.session.regions import Regions
from xenexplore.session.state import GuestState
from xenexplore.session.tabbed import tabbed
from xenexplore.session.values import as_frames

if TYPE_CHECKING:
    from xenexplore.recording.format.columns import Recording

__all__ = ["Guest"]

_ABOUT = About(name="session", title="A session at the prompt")


class Guest(GuestState, Pictured):
    """A guest: its memory, page tables, P2M, vCPUs and buffers, to inspect and to change.

    Operations on it are recorded, so that the session can be written as a scenario and mailed.
    :class:`Xen` puts a hypervisor and a design under it.

    Args:
        kernel: the kernel whose address-space layout it has: ``"linux"``, ``"freebsd"``,
            ``"unikernel"``, ...
        xen: the release of Xen that it runs on, ``"4.17"`` to ``"unstable"``: the release whose
            public headers define the structs, and whose hypercalls exist.
        **choices: any field of :class:`GuestSpec`: ``type``, ``memory`` (bytes, or
            ``"768 MiB"``), ``vcpus``, ``encryption``, ``p2m_order``, ``la57``, ...

    Raises:
        MachineError: no such choice, or two of them exclude each other.
        ReleaseError: the catalogue does not cover this Xen.

    >>> guest = Guest("linux", memory="1 GiB", vcpus=2)
    >>> guest
    <Guest: pvh, linux, 1024 MiB, 2 vCPUs, 0 buffers>
    >>> send = guest.buffer("stack", struct="evtchn_send", port=5)
    >>> guest.walk(send).ok, guest.walk(send).gpa == send.gpa
    (True, True)
    >>> [Guest(xen=v).buffer("stack", struct="hvm_hw_lapic").size for v in ("4.17", "4.18")]
    [24, 32]
    >>> Guest("linux", memry="1 GiB")
    Traceback (most recent call last):
    ...
    xenexplore.errors.MachineError: no property of a guest 'memry': expected one of xen, type, \
memory, vcpus, encryption, p2m_order, la57, gib_pages, smap, pti, paging, seed, image; \
did you mean 'memory'?
    """

    def __init__(
        self, kernel: str | GuestSpec = "linux", *, xen: str = DEFAULT, **choices: Any
    ) -> None:
        spec = kernel if isinstance(kernel, GuestSpec) else _spec(kernel, choices)
        if isinstance(kernel, GuestSpec) and choices:
            spec = replace(kernel, **_checked(choices))
        self._begin(Scenario(about=_ABOUT, guest=spec, xen=release_of(xen)))

    def _begin(self, scenario: Scenario) -> None:
        self._machine = SessionMachine(scenario)
        self.pending: tuple[ActionSpec, ...] = ()
        actions = scenario.actions
        if any(isinstance(action, records.Setup) for action in actions):
            first = next(n for n, a in enumerate(actions) if isinstance(a, records.Setup))
            for action in actions[:first]:
                self._machine.do(action)
            actions = actions[first + 1 :]
        self.pending = actions

    @classmethod
    def from_scenario(cls, scenario: Scenario | str) -> Guest:
        """The guest of a scenario, its buffers placed; its actions wait for :meth:`Xen.replay`.

        Args:
            scenario: a scenario, its text, a built-in's name, or a file.

        Raises:
            ScenarioError: there is none, or the machine cannot be built.

        >>> guest = Guest.from_scenario("evtchn-send-from-stack")
        >>> list(guest.buffers), len(guest.pending)
        (['stack'], 1)
        """
        from xenexplore.scenario.library.builtin import find_scenario  # not needed to build one
        from xenexplore.scenario.text.loader import parse_scenario

        if isinstance(scenario, str):
            is_text = "\n" in scenario
            scenario = parse_scenario(scenario) if is_text else find_scenario(scenario)
        guest = cls.__new__(cls)
        guest._begin(scenario)
        return guest

    @classmethod
    def from_image(cls, file: str | PathLike[str], **keywords: Any) -> Guest:
        """The guest in a memory image, on the image's own page tables; the file is not written.

        Buffers are given by address: ``guest.buffer("fixed", 4, address=0xffff...)``.

        Args:
            file: the image.
            **keywords: as :func:`~xenexplore.guest.image_machine.image_spec` takes them:
                ``cr3``, ``mode``, ``c_bit``, ...; ``directmap``, ``spare`` and
                ``spare_pages`` where a design needs memory of the guest's.

        Raises:
            ImageError: the image cannot be read or does not say where its page tables are.
            MachineError: it is not an image of a 64-bit guest of this type.
            OSError: the file cannot be opened.
        """
        from xenexplore.guest.image_machine import image_spec

        return cls(image_spec(file, **keywords))

    @classmethod
    def from_recording(
        cls,
        recording: Recording | str | PathLike[str],
        call: int | None = None,
        *,
        domain: str | None = None,
        row: int | None = None,
    ) -> Guest:
        """The guest of a recorded hypercall, with the memory that the call touched.

        The call waits for :meth:`Xen.replay`.

        Args:
            recording: a recording, its file, or a built-in's name (``"pvh"``).
            call: the hypercall's sequence number; with ``domain`` its index there.
            domain: ``"dom0"``, ``"dom1"``, ...
            row: instead of ``call``, its row in ``recording.calls``.

        Raises:
            RecordingError: there is no such hypercall, or the catalogue does not explain it.
            OSError: the file cannot be read.
        """
        # Imported here: a guest that is built needs no reader of recordings.
        from xenexplore.recording.conversion.to_scenario import find_row, to_scenario
        from xenexplore.recording.format.reader import read_recording

        if (call is None) == (row is None):
            raise MachineError("from_recording() takes the hypercall's number (call=), or its row=")
        read: Any = recording
        if isinstance(recording, str | PathLike):
            read = read_recording(fspath(recording))
        if row is None:
            assert call is not None
            row = find_row(read, call, domain=domain)
        return cls.from_scenario(to_scenario(read, row))

    @tabbed
    def buffer(self) -> Places:
        """Place a buffer: ``guest.buffer("stack", struct="evtchn_send", port=5)``."""
        return Places(self)

    @tabbed
    def buffers(self) -> Buffers:
        """Its buffers by name."""
        return Buffers(self)

    @tabbed
    def regions(self) -> Regions:
        """Its kernel's linear address space."""
        return Regions(self.domain.layout)

    @tabbed
    def p2m(self) -> P2mView:
        """Guest frames to machine frames; a PV guest has none."""
        return P2mView(self)

    @tabbed
    def page_tables(self) -> PageTablesView:
        """Its page tables, entry by entry, to read and to change."""
        return PageTablesView(self)

    @tabbed
    def memory(self) -> MemoryView:
        """Its memory by guest-physical address; ``guest.memory.as_xen`` is what Xen reads."""
        return MemoryView(self)

    def walk(
        self,
        target: Buffer | Gva | int | str,
        access: Access = READ,
        *,
        vcpu: int = 0,
        process: str | None = None,
        by: str = "xen",
        user: bool | None = None,
    ) -> Walk:
        """Walk the page tables for an address; nothing is changed or recorded.

        Args:
            target: a buffer (its first byte), or a linear address.
            access: what is asked: ``xe.READ``, ``xe.WRITE``, ``xe.USER_READ``, ...
            vcpu: under whose CR3 and control registers.
            process: with this process's CR3 instead.
            by: ``"xen"``: Xen's software walk, through the P2M (an encrypted guest's tables
                read as ciphertext); ``"cpu"``: the guest's own CPU.
            user: EFLAGS.AC as privcmd raises it; by default where the buffer is a process's.

        Raises:
            MachineError: no such vCPU, buffer or walker.
        """
        if by not in ("xen", "cpu"):
            raise no_such("walker", by, ("xen", "cpu"))
        buffer = target if isinstance(target, Buffer) else None
        va = buffer.va if buffer is not None else self._linear(target)
        if user is None:
            user = buffer is not None and buffer.is_user
        if process is not None and process not in self.processes:
            raise no_such("process", process, self.processes)
        state = self.domain.paging_state(vcpu, user_access=user, process=process)
        memory = self.domain.memory
        through = by == "xen" and self.spec.has_p2m
        reader = memory.hypervisor if through else memory.guest
        return walk(reader, state, va, access, Manner.XEN if by == "xen" else Manner.CPU)

    def remap(self, buffer: Buffer | str, frames: Any = None) -> Buffer:
        """Map other frames at a buffer's address; nothing is copied, and Xen is not notified.

        Args:
            buffer: which.
            frames: the new frames, one per page; by default free ones.

        Raises:
            MachineError: no kernel remaps that place, or not one frame per page.
        """
        return self._on(buffer, lambda name: records.Remap(buffer=name, frames=as_frames(frames)))

    def unmap(self, buffer: Buffer | str) -> Buffer:
        """Make a buffer's pages not present."""
        return self._on(buffer, lambda name: records.Unmap(buffer=name))

    def protect(self, buffer: Buffer | str, writable: bool = False) -> Buffer:
        """Map a buffer's pages read-only, or writable again.

        Args:
            buffer: which.
            writable: what they are afterwards.
        """
        return self._on(buffer, lambda name: records.Protect(buffer=name, writable=bool(writable)))

    def share(self, buffer: Buffer | str, shared: bool = True) -> Buffer:
        """Encrypted guests: share a buffer's frames with Xen, or take them back.

        Args:
            buffer: which.
            shared: what its frames are afterwards.

        Raises:
            MachineError: the guest is not encrypted.
        """
        if not self.spec.encrypted:
            raise MachineError(
                "this guest's memory is not encrypted: all of it is accessible to Xen "
                '(xe.Guest(..., encryption="snp") has private pages)'
            )
        return self._on(buffer, lambda name: records.Share(buffer=name, shared=bool(shared)))

    def set_p2m_type(self, buffer: Buffer | str, type: str) -> Buffer:  # noqa: A002 - Xen's word
        """Change the P2M type of a buffer's frames.

        Args:
            buffer: whose frames.
            type: Xen's name: ``"p2m_ram_ro"``, ``"p2m_ram_paged"``, ...

        Raises:
            MachineError: no such type, or a PV guest.
        """
        return self._on(buffer, lambda name: records.SetP2mType(buffer=name, type=str(type)))

    def run_on(self, vcpu: int, process: str) -> None:
        """Let a vCPU run a process: another CR3 and kernel stack; Xen is not notified.

        Args:
            vcpu: which.
            process: its name; made at its first use.

        Raises:
            MachineError: no such vCPU, or a kernel without processes.
        """
        self._do(records.Switch(vcpu=vcpu, process=process))

    def snapshot(self) -> Any:
        """A frozen picture of it as it is now."""
        return self._machine.snapshot()

    def _on(self, buffer: Buffer | str, action: Any) -> Buffer:
        name = buffer.name if isinstance(buffer, Buffer) else buffer
        if name not in self.domain.buffers:
            raise no_such("buffer", name, self.domain.buffers)
        self._do(action(name))
        return Buffer(self, name)

    def __dir__(self) -> list[str]:
        return [name for name in super().__dir__() if not name.startswith("_")]

    def __repr__(self) -> str:
        spec = self.spec
        private = f", {spec.encryption}" if spec.encrypted else ""
        vcpus = f"{spec.vcpus} vCPU{'' if spec.vcpus == 1 else 's'}"
        count = len(self.buffers)
        buffers = f"{count} buffer{'' if count == 1 else 's'}"
        on = "" if self.release == DEFAULT else f", on Xen {self.release}"
        what = f"{spec.type}, {spec.kernel}{private}, {spec.memory >> 20} MiB"
        return f"<Guest: {what}, {vcpus}, {buffers}{on}>"


def _checked(choices: Mapping[str, object]) -> dict[str, Any]:
    known = ["xen", *(field.name for field in fields(GuestSpec) if field.name != "kernel")]
    given = dict(choices)
    for name in given:
        if name not in known:
            raise no_such("property of a guest", name, known)
    if "memory" in given:
        size = parse_size(given["memory"])
        if size is None:
            raise MachineError(f"memory={given['memory']!r}: expected bytes, or e.g. '768 MiB'")
        given["memory"] = size
    return given


def _spec(kernel: str, choices: Mapping[str, object]) -> GuestSpec:
    return GuestSpec(kernel=kernel, **_checked(choices))


def _signature() -> inspect.Signature:
    """Xen's release and the fields of a GuestSpec as keywords, for tab completion and help."""
    keyword = inspect.Parameter.KEYWORD_ONLY
    first = inspect.Parameter(
        "kernel", inspect.Parameter.POSITIONAL_OR_KEYWORD, default="linux", annotation=str
    )
    others = [
        inspect.Parameter(field.name, keyword, default=field.default, annotation=field.type)
        for field in fields(GuestSpec)
        if field.name != "kernel" and field.default is not MISSING
    ]
    release = inspect.Parameter("xen", keyword, default=DEFAULT, annotation=str)
    return inspect.Signature([first, release, *others])


Guest.__signature__ = _signature()  # type: ignore[attr-defined]

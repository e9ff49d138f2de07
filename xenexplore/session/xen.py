"""Xen under a design at the prompt."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from xenexplore.display import Pictured
from xenexplore.errors import MachineError
from xenexplore.guest.spec import no_such
from xenexplore.hypercalls.releases import release_of
from xenexplore.hypervisor.calls import CALL_FORMS
from xenexplore.hypervisor.outcome import Outcome
from xenexplore.options.registry import TODAY, Chosen, variant
from xenexplore.options.variant import Variant
from xenexplore.scenario.model import action_records as records
from xenexplore.scenario.model.about import About
from xenexplore.scenario.model.action_records import ActionSpec
from xenexplore.scenario.model.scenario import Scenario
from xenexplore.scenario.run.trace import Trace
from xenexplore.session.buffer import Buffer
from xenexplore.session.calls import Hypercalls, calls_of, named_call
from xenexplore.session.guest import Guest
from xenexplore.session.machine import SessionMachine
from xenexplore.session.on_release import on_release
from xenexplore.session.tabbed import tabbed
from xenexplore.session.tlb import VcpuTlb, VcpuTlbs
from xenexplore.session.xen_state import XenState

__all__ = ["Xen"]

_ENTRY = 64


class Xen(XenState, Pictured):
    """Xen under one of the designs, with a guest that is running on it.

    Creating one boots the guest again: its buffers are placed, and its own actions so far are
        repeated, before the design is set up. Data that hypercalls under an earlier Xen wrote into
        its memory is lost. An earlier Xen of the same guest no longer runs it.

    Args:
        guest: the guest.
        design: a design's name or number (``"software-tlb"``, ``"O7"``), with parameters
            after a colon, or a subclass of Design; by default that of the guest's
            scenario, or today's Xen.
        version: the release of Xen, ``"4.17"`` to ``"unstable"``; by default the one that the
            guest was made for.  The guest's structs are laid out again according to its public
            headers.
        **parameters: the design's parameters by name: ``entries=8``, ``policy="lru"``.

    Raises:
        MachineError: no such design or parameter, or a struct or field of the guest's that
            this Xen does not have.
        ReleaseError: the catalogue does not cover this Xen.

    >>> guest = Guest("linux", vcpus=2)
    >>> send = guest.buffer("stack", struct="evtchn_send", port=5)
    >>> xen = Xen(guest, design="software-tlb", entries=8, policy="lru")
    >>> xen.tlb[0].register(send).ok
    True
    >>> xen.hypercall("event_channel_op send", arg=send)
    <Trace call-1 under software-tlb: entries=8, policy=lru: 9 steps, right>
    >>> print(xen.scenario().text().splitlines()[0])
    name = "session"
    """

    guest: Guest

    def __init__(
        self,
        guest: Guest,
        design: Chosen | None = None,
        *,
        version: str | None = None,
        **parameters: object,
    ) -> None:
        if not isinstance(guest, Guest):
            raise MachineError(f"{guest!r} is not a guest: make one with xe.Guest('linux')")
        self.guest = guest
        past = guest._machine
        chosen = _design(design, past.base, parameters)
        base, done = past.base, tuple(action for action in past.actions if action.by_guest)
        release = base.xen if version is None else release_of(version)
        if release != base.xen:
            base, done = on_release(base, done, release)
            guest.pending = on_release(base, guest.pending, release)[1]
        self._machine = SessionMachine(base, chosen, done)
        guest._machine = self._machine

    @tabbed
    def hypercall(self) -> Hypercalls:
        """Make a hypercall: ``xen.hypercall("event_channel_op send", arg=send)``."""
        return calls_of(self)

    def multicall(
        self,
        entries: Sequence[tuple[str, Mapping[str, object]]],
        *,
        list: Buffer | None = None,  # noqa: A002 - as the hypercall's argument
        vcpu: int = 0,
        outer: str = "as-option",
        inner: str = "as-option",
        preempt: Iterable[int] = (),
    ) -> Trace:
        """Make a multicall: several hypercalls in one.

        Args:
            entries: hypercall and arguments of each, ``("event_channel_op send",
                {"arg": send})``.
            list: the buffer that takes the entries, 64 bytes each; by default a new one in
                per-CPU memory, or on the stack.
            vcpu: which vCPU makes it.
            outer: whether the list is passed as the design does (``"as-option"``) or by
                its linear address (``"linear"``).
            inner: the same for the buffers of the entries.
            preempt: which points of preemption are taken, from 1.

        Raises:
            MachineError: no such hypercall or argument, or they do not fit in the list.
        """
        for what, word in (("outer", outer), ("inner", inner)):
            if word not in CALL_FORMS:
                raise no_such(f"form of {what}", word, CALL_FORMS)
        if not entries:
            raise MachineError("a multicall of no entries: expected (hypercall, {argument: value})")
        names = self.guest.domain.buffers
        calls = tuple(
            records.InnerCall(hypercall=title, given=given)
            for title, given in (
                named_call(name, given, names, self.guest.release) for name, given in entries
            )
        )
        self._checked_vcpu(vcpu)
        held = list
        if held is None:
            place = "percpu" if "percpu" in self.guest.domain.kinds else "stack"
            held = self.guest.buffer(place, len(calls) * _ENTRY, name=self._free(), vcpu=vcpu)
        action = records.Multicall(
            vcpu=vcpu, list=self._named(held), entries=calls, outer=outer, inner=inner,
            preempt=tuple(preempt),
        )  # fmt: skip
        return self._perform(action, f"vCPU {vcpu} makes a multicall of {len(calls)}")

    def _free(self) -> str:
        taken, number = self.guest.domain.buffers, 1
        while (name := f"multicall-{number}") in taken:
            number += 1
        return name

    def register_runstate(
        self, area: Buffer, argument: Buffer, *, subject: int = 0, vcpu: int = 0
    ) -> Trace:
        """VCPUOP_register_runstate_memory_area, or the design's equivalent.

        Args:
            area: the runstate area, 48 bytes.
            argument: the buffer that holds the argument struct, 8 bytes.
            subject: the vCPU whose area it is.
            vcpu: the caller.
        """
        action = records.RegisterRunstate(
            vcpu=self._checked_vcpu(vcpu), subject=self._checked_vcpu(subject),
            buffer=self._named(area), argument=self._named(argument),
        )  # fmt: skip
        return self._perform(action, f"vCPU {vcpu} registers the runstate area of vCPU {subject}")

    def update_runstate(self, subject: int = 0) -> Trace:
        """Xen updates a vCPU's registered runstate area, at a context switch.

        Args:
            subject: the vCPU whose area it is.
        """
        action = records.UpdateRunstate(subject=self._checked_vcpu(subject))
        return self._perform(action, f"Xen updates the runstate area of vCPU {subject}")

    def compat_call(self, buffer: Buffer, *, vcpu: int = 0, test_first: bool = True) -> Trace:
        """A 32-bit caller's XENMEM_populate_physmap, through the translation area.

        Args:
            buffer: its struct compat_memory_reservation, 20 bytes.
            vcpu: the caller.
            test_first: whether Xen tests for its own area before it takes the handle in the
                design's way.
        """
        action = records.CompatCall(
            vcpu=self._checked_vcpu(vcpu), buffer=self._named(buffer), test_first=test_first
        )
        return self._perform(action, "a 32-bit caller calls populate_physmap")

    def replay(self, count: int | None = None) -> Trace:
        """Perform the pending actions of the guest's scenario or recording.

        Args:
            count: how many actions; None: all.

        Returns:
            Everything so far.
        """
        for _ in range(len(self.guest.pending) if count is None else count):
            if not self.guest.pending:
                break
            self._act(self.guest.pending[0])
            self.guest.pending = self.guest.pending[1:]
        return self.trace

    def undo(self) -> ActionSpec | None:
        """Undo the last action, the guest's or Xen's; returns it, or None."""
        return self._live().undo()

    def watch(self, told: Callable[[int], None]) -> None:
        """Call a method after each operation, with the number of steps there were before it.

        The method's object is not kept alive by this.

        Args:
            told: a bound method.
        """
        self._machine.watch(told)

    @tabbed
    def tlb(self) -> VcpuTlbs:
        """Registered buffers, by vCPU: ``xen.tlb[0]``.

        Raises:
            MachineError: the design has none.
        """
        self._registered()
        return VcpuTlbs(VcpuTlb(self, vcpu) for vcpu in range(self.guest.spec.vcpus))

    @tabbed
    def trace(self) -> Trace:
        """The session so far: setup, registrations, calls, actions of the guest."""
        return self._machine.trace()

    @tabbed
    def outcome(self) -> Outcome:
        """The verdict on the session so far."""
        return self.trace.outcome

    def scenario(self, name: str = "", title: str = "") -> Scenario:
        """The session as a scenario; its text replays to the same trace, byte for byte.

        Args:
            name: its new name: lowercase letters, digits, dashes.
            title: its title from now on.
        """
        if name or title:
            about = self._machine.base.about
            changed = replace(about, name=name or about.name, title=title or about.title)
            self._machine.rename(_checked_about(changed))
        return self._machine.scenario()

    @property
    def actions(self) -> tuple[ActionSpec, ...]:
        """The actions so far, as in the scenario."""
        return tuple(self._machine.actions)

    def __dir__(self) -> list[str]:
        return [name for name in super().__dir__() if not name.startswith("_")]

    def __repr__(self) -> str:
        if self.refusal:
            return f"<Xen, {self.design}: refuses this guest: {self.refusal}>"
        count = len(self.actions)
        what = f"{count} action{'' if count == 1 else 's'}"
        return f"<Xen, {self.design}: {what}, {len(self._nodes)} steps>"


def _design(design: Chosen | None, base: Scenario, parameters: Mapping[str, Any]) -> Variant:
    if design is None and base.options:
        chosen = base.options[0]
    elif isinstance(design, str):
        labelled = {option.label: option for option in base.options}
        chosen = labelled.get(design) or variant(design)
    else:
        chosen = variant(TODAY if design is None else design)
    if not parameters:
        return chosen
    given = {key: list(v) if isinstance(v, tuple) else v for key, v in parameters.items()}
    changed = variant(chosen, given)
    return variant(changed, label=changed.text)


def _checked_about(about: About) -> About:
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", about.name):
        raise MachineError(f"name {about.name!r}: expected lowercase letters, digits, dashes, dots")
    if any(unicodedata.category(letter) in ("Cc", "Zl", "Zp") for letter in about.title):
        raise MachineError(f"title {about.title!r}: expected one line, no control characters")
    return about

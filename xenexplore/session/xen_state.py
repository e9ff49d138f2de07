"""Xen's session as its calls and tables share it: checks, and actions performed."""

from __future__ import annotations

from xenexplore.errors import MachineError
from xenexplore.guest.spec import no_such
from xenexplore.hypervisor.registered import RegisteredBuffers, registrable
from xenexplore.scenario.model import action_records as records
from xenexplore.scenario.model.about import About
from xenexplore.scenario.model.action_records import ActionSpec
from xenexplore.scenario.run.trace import Trace
from xenexplore.session.buffer import Buffer
from xenexplore.session.machine import SessionMachine
from xenexplore.session.state import GuestState
from xenexplore.steps import Node

__all__ = ["XenState"]

_CALLS = (
    records.CallAction,
    records.Multicall,
    records.RegisterRunstate,
    records.UpdateRunstate,
    records.CompatCall,
)


class XenState:
    """State that calls and tables of registered buffers are views of."""

    guest: GuestState
    _machine: SessionMachine

    @property
    def design(self) -> str:
        """The design and its parameters, as everything else takes them."""
        assert self._machine.option is not None
        return self._machine.option.label

    @property
    def refusal(self) -> str:
        """Reason why the design cannot be used with this guest at all, or ``""``."""
        return self._machine.run.refusal

    @property
    def _nodes(self) -> tuple[Node, ...]:
        return self._machine.run.xen.nodes

    def _registered(self) -> RegisteredBuffers:
        held = self._machine.run.xen.design.tlb
        if self.refusal:
            raise MachineError(f"{self.design} refuses this guest: {self.refusal}")
        if held is None:
            raise MachineError(
                f"the design {self.design} has no registered buffers: "
                'use xe.Xen(guest, design="software-tlb")'
            )
        return held

    def _live(self) -> SessionMachine:
        if self.guest._machine is not self._machine:
            raise MachineError(
                "this Xen no longer runs the guest: a later xe.Xen(guest, ...) does; its trace "
                "and scenario() remain available"
            )
        return self._machine

    def _act(self, action: ActionSpec) -> tuple[Node, ...]:
        machine = self._live()
        first = len(machine.run.xen.record)
        machine.do(action)
        return machine.run.xen.nodes[first:]

    def _perform(self, action: ActionSpec, title: str) -> Trace:
        machine = self._live()
        calls = sum(isinstance(action, _CALLS) for action in machine.actions)
        about = About(name=f"call-{calls + 1}", title=title)
        trace = machine.do(action, about)
        assert trace is not None
        return trace

    def _checked_vcpu(self, vcpu: int) -> int:
        count = self.guest.spec.vcpus
        if type(vcpu) is not int or not 0 <= vcpu < count:
            raise MachineError(f"no vCPU {vcpu!r}: the guest has {count}, from 0")
        return vcpu

    def _checked_what(self, what: object, *extra: str) -> str:
        names = self.guest.domain.buffers
        word = f"buffer:{what.name}" if isinstance(what, Buffer) else what
        if isinstance(word, str) and word in names:
            word = f"buffer:{word}"
        known = (*registrable(names), *extra)
        if word not in known:
            raise no_such("range", word, known)
        return str(word)

    def _named(self, buffer: Buffer | str) -> str:
        name = buffer.name if isinstance(buffer, Buffer) else buffer
        if name not in self.guest.domain.buffers:
            raise no_such("buffer", name, self.guest.domain.buffers)
        return name

"""A guest's session as the objects at the prompt share it: the machine, and what it knows."""

from __future__ import annotations

from collections.abc import Mapping

from xenexplore.addr import Gva
from xenexplore.errors import MachineError
from xenexplore.guest.domain import Domain
from xenexplore.guest.spec import GuestSpec
from xenexplore.guest.vcpus import Process, Vcpu
from xenexplore.scenario.model import action_records as records
from xenexplore.scenario.model.action_records import ActionSpec
from xenexplore.scenario.model.scenario import BufferSpec
from xenexplore.session.machine import SessionMachine
from xenexplore.session.tabbed import tabbed
from xenexplore.session.values import as_value

__all__ = ["GuestState"]


class GuestState:
    """State that a guest's buffers, tables and memory are views of."""

    _machine: SessionMachine

    @property
    def domain(self) -> Domain:
        """The model's own guest object, as it is now."""
        return self._machine.domain

    @tabbed
    def spec(self) -> GuestSpec:
        """Specification that it was built from."""
        return self.domain.spec

    @property
    def release(self) -> str:
        """The release of Xen that it runs on, whose public headers define its structs."""
        return self.domain.release

    @property
    def vcpus(self) -> tuple[Vcpu, ...]:
        """Its vCPUs, as they are now."""
        return tuple(self.domain.vcpus)

    @tabbed
    def processes(self) -> Mapping[str, Process]:
        """Its processes made so far, by name; :meth:`run_on` makes one."""
        return self.domain.processes

    def _linear(self, target: object) -> Gva:
        value = as_value(target, self.domain.buffers)
        if isinstance(value, int):
            return Gva(value)
        return self.domain.buffers[value.buffer].va + value.offset

    def _do(self, action: ActionSpec) -> None:
        self._machine.do(action)

    def _spec_of(self, name: str) -> BufferSpec:
        for spec in self._machine.base.buffers:
            if spec.name == name:
                return spec
        for action in self._machine.actions:
            if isinstance(action, records.Place) and action.buffer.name == name:
                return action.buffer
        placed = self.domain.buffers.get(name)
        if placed is None:
            raise MachineError(f"buffer {name!r} no longer exists: its placement was undone")
        return BufferSpec(name=name, place=placed.kind, size=placed.size)

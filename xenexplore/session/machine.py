"""State of a session: a scenario that grows, and the machine that it has led to.

Every operation at the prompt becomes an action of the scenario language and is performed by
the code that runs scenarios, so that the session's text replays it.  An operation that
fails changes nothing: the machine is built again from the actions before it.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import replace

from xenexplore.errors import MachineError, ScenarioError
from xenexplore.guest.domain import Domain
from xenexplore.options.variant import Variant
from xenexplore.scenario.model.about import About
from xenexplore.scenario.model.action_records import ActionSpec, Place, Setup
from xenexplore.scenario.model.scenario import BufferSpec, Scenario
from xenexplore.scenario.run.build import fill, place
from xenexplore.scenario.run.guest_snapshot import GuestSnapshot
from xenexplore.scenario.run.live import LiveRun
from xenexplore.scenario.run.trace import Trace

__all__ = ["SessionMachine"]


class SessionMachine:
    """A scenario under construction and its machine.

    Args:
        scenario: the guest, and the buffers placed before the first action; its own
            actions are not performed.
        option: the design, or None before there is a Xen.
        done: actions of the guest alone that come before the design's setup.

    Attributes:
        base: what ``scenario`` says, without actions.
        actions: what has been done since.
        run: the machine now.
    """

    def __init__(
        self, scenario: Scenario, option: Variant | None = None, done: tuple[ActionSpec, ...] = ()
    ) -> None:
        options = scenario.options if option is None else (option,)
        self.base = replace(scenario, actions=(), options=options, expects=())
        self.option = option
        self.actions: list[ActionSpec] = list(done)
        self._watching: list[weakref.WeakMethod[Callable[[int], None]]] = []
        if option is not None and done:
            self.actions.append(Setup())
        self.run = self._replayed()

    @property
    def domain(self) -> Domain:
        """The guest now."""
        return self.run.xen.domain

    @property
    def started(self) -> bool:
        """Whether a design is in use."""
        return self.option is not None

    def _replayed(self) -> LiveRun:
        run = LiveRun(self.base, self.option)
        run.carry_out(self.actions)
        return run

    def watch(self, told: Callable[[int], None]) -> None:
        """Call a method after each operation, with the number of steps there were before it.

        Whose method it is, is not kept alive by this.
        """
        self._watching.append(weakref.WeakMethod(told))

    def _changed(self, before: int) -> None:
        alive = [(one, told) for one in self._watching if (told := one()) is not None]
        self._watching = [one for one, _ in alive]
        for _, told in alive:
            told(before)

    def scenario(self) -> Scenario:
        """The session so far as a scenario."""
        return replace(self.base, actions=tuple(self.actions))

    def trace(self) -> Trace:
        """Everything so far."""
        return self.run.trace(self.scenario())

    def do(self, action: ActionSpec, about: About | None = None) -> Trace | None:
        """Perform an action and keep it; with ``about``, its own trace.

        Raises:
            MachineError: the guest cannot do that, or the design refuses the guest.
                Nothing has changed then.
        """
        if self.run.refusal:
            assert self.option is not None
            raise MachineError(f"{self.option.label} refuses this guest: {self.run.refusal}")
        if not self.started and not action.by_guest:
            raise MachineError(
                f"{action.do!r} needs a hypervisor: make one with xe.Xen(guest, design=...)"
            )
        first = len(self.run.xen.record)
        before = self.run.snapshot() if about is not None else None
        self._attempt(action)
        self.actions.append(action)
        self._changed(first)
        if about is None or before is None:
            return None
        return self.run.trace_since(first, before, about)

    def _attempt(self, action: ActionSpec) -> None:
        try:
            self.run.perform(action, len(self.actions) + 1)
        except ScenarioError as error:
            self.run = self._replayed()
            raise MachineError(error.got) from None
        except BaseException:
            self.run = self._replayed()
            raise

    def place(self, spec: BufferSpec) -> None:
        """Allocate a buffer: one of the scenario's own while nothing has happened yet.

        Raises:
            MachineError: the guest has no such place, or the buffer cannot be put there.
        """
        if self.started or self.actions:
            self.do(Place(buffer=spec))
            return
        try:
            place(self.domain, spec)
            fill(self.domain, spec)
        except BaseException:
            self.run = self._replayed()
            raise
        self.base = replace(self.base, buffers=(*self.base.buffers, spec))
        self._changed(len(self.run.xen.record))

    def undo(self) -> ActionSpec | None:
        """Take the last action back; the machine is built again without it."""
        if not self.actions or isinstance(self.actions[-1], Setup):
            return None
        last = self.actions.pop()
        self.run = self._replayed()
        self._changed(len(self.run.xen.record))
        return last

    def rename(self, about: About) -> None:
        """Give the session other words."""
        self.base = replace(self.base, about=about)

    def snapshot(self) -> GuestSnapshot:
        """The machine as it is now, for pictures."""
        return self.run.snapshot()

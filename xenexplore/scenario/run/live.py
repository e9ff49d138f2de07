"""A run as it goes: a guest under a design, one action at a time.

:func:`xenexplore.scenario.run.runner.run` carries a whole scenario out by this; a session at
the prompt does the same action by action, so that both record the same steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from xenexplore.errors import AddressError, ImageError, MachineError, ScenarioError, UnsaidError
from xenexplore.hypervisor.design import Design
from xenexplore.hypervisor.mistakes import blamed
from xenexplore.hypervisor.outcome import outcome_of
from xenexplore.hypervisor.xen import Xen
from xenexplore.options.variant import Variant
from xenexplore.scenario.model.about import About
from xenexplore.scenario.model.action_records import ActionSpec, Place, Setup
from xenexplore.scenario.model.scenario import Scenario
from xenexplore.scenario.run.build import build_domain, view_of
from xenexplore.scenario.run.guest_snapshot import GuestSnapshot
from xenexplore.scenario.run.trace import OptionView, Trace
from xenexplore.steps import Node, Phase, PhaseName, Refusal
from xenexplore.tlb.history import standing

__all__ = ["LiveRun"]


class _NoDesign(Design):
    """Stand-in before a design's setup: it takes no part in what the guest does."""

    def refuses(self, xen: Xen) -> str:
        return ""


class LiveRun:
    """One scenario's machine under one option.

    Until :meth:`start` no design takes part; only actions of the guest alone can be done.

    Args:
        scenario: the guest and its buffers; its actions are the caller's to perform.
        option: the design and its parameters; None: no design for the whole run.

    Attributes:
        xen: the domain under the design, with the record.
        design: the design, also before it is set up.
        refusal: why the design cannot be used with this guest, or ``""``.
        started: whether the design has been set up.

    Raises:
        ScenarioError: the machine cannot be built.
    """

    def __init__(self, scenario: Scenario, option: Variant | None) -> None:
        self.scenario = scenario
        self.option = option
        domain = build_domain(scenario)
        self._before = view_of(domain)
        self._own = [buffer.name for buffer in scenario.buffers]
        self.design = option.make() if option is not None else _NoDesign()
        self.xen = Xen(domain, self.design)
        with blamed(self.design):
            self.refusal = self.design.refuses(self.xen)
        self.started = False
        if self.refusal:
            self._refuse(self.refusal)
        else:
            self.xen.design = _NoDesign()

    def carry_out(self, actions: Sequence[ActionSpec]) -> None:
        """Set the design up, unless an action says when, and do every action; a refusal ends it.

        So does what a memory image that serves as the guest does not hold: what came before stays.

        Raises:
            ScenarioError: the guest cannot do that.
        """
        timed = self.option is None or any(isinstance(action, Setup) for action in actions)
        if not self.refusal and not timed:
            self.start()
        for number, action in enumerate(actions, 1):
            if self.refusal:
                break
            try:
                self._do(action, number)
            except (UnsaidError, ImageError) as error:
                self._refuse(f"action {number} ({action.do}): {error}")

    def start(self) -> None:
        """Set the design up: what it asks of the guest once.

        Raises:
            ScenarioError: the guest cannot do that.
        """
        assert self.option is not None
        design = self.design
        self.xen.design = design
        once = f"Setup, once: the guest's preparations for {self.option.use}."
        setup = Phase(cite=design.asked, name=PhaseName.SETUP, who="guest", detail=once)
        try:
            with self.xen.record.headed(setup), blamed(design):
                design.setup(self.xen)
        except (UnsaidError, ImageError) as error:
            self._refuse(str(error))
            return
        except MachineError as error:
            what = f"option {self.option.label!r}"
            raise _impossible(self.scenario, self.option.line, what, error) from None
        self.started = True

    def perform(self, action: ActionSpec, number: int) -> None:
        """Do one action; :class:`Setup` is :meth:`start`.

        Args:
            action: what happens.
            number: which action it is, from 1, for messages.

        Raises:
            ImageError: the image that serves as the guest does not hold what is touched.
            ScenarioError: the guest cannot do that.  What was done of the action stays.
        """
        try:
            self._do(action, number)
        except UnsaidError as error:
            raise _not_by(self.scenario, action, number, error) from None

    def _do(self, action: ActionSpec, number: int) -> None:
        if isinstance(action, Setup):
            self.start()
            return
        # Imported here: a guest to which nothing is done needs no hypercalls.
        from xenexplore.scenario.run.perform import perform

        if isinstance(action, Place):
            self._own.append(action.buffer.name)
        try:
            with blamed(self.design):
                perform(self.xen, action)
        except UnsaidError:
            raise
        except (MachineError, AddressError) as error:
            raise _not_by(self.scenario, action, number, error) from None

    def _refuse(self, reason: str) -> None:
        self.refusal = reason
        self.xen.emit(Refusal(cite=self.design.asked, reason=reason))

    def trace(self, scenario: Scenario) -> Trace:
        """Everything so far, under the words of a scenario."""
        # Imported here: a guest at the prompt needs no reader of scenarios.
        from xenexplore.scenario.library.builtin import is_builtin

        nodes = self.xen.nodes
        return Trace(
            about=scenario.about,
            option=self.option_view(),
            machine=self._with_added(self._before),
            steps=nodes,
            outcome=outcome_of(nodes),
            builtin=is_builtin(scenario),
            scenario=scenario,
        )

    def trace_since(self, first: int, before: GuestSnapshot, about: About) -> Trace:
        """Record from step ``first`` on, an outermost one, as a trace of its own."""
        nodes = tuple(
            Node(node.index - first, max(node.parent - first, -1), node.depth, node.step)
            for node in self.xen.nodes[first:]
        )
        return Trace(
            about=about,
            option=self.option_view(),
            machine=self._with_added(before),
            steps=nodes,
            outcome=outcome_of(nodes),
            registered=standing(self.xen.nodes[:first]),
        )

    def snapshot(self) -> GuestSnapshot:
        """The machine as it is now."""
        return view_of(self.xen.domain)

    def _with_added(self, before: GuestSnapshot) -> GuestSnapshot:
        """The picture from before, with the buffers that came later: first the scenario's own."""
        now = self.xen.domain.buffers
        known = {buffer.name: buffer for buffer in before.buffers}
        own = tuple(known.get(name, now[name]) for name in self._own if name in now)
        others = tuple(
            known.get(name, buffer) for name, buffer in now.items() if name not in self._own
        )
        return replace(before, buffers=(*own, *others), placed=len(own))

    def option_view(self) -> OptionView:
        """The design as a trace shows it."""
        assert self.option is not None
        design = self.design
        return OptionView(
            ident=design.ident,
            name=design.name,
            label=self.option.label,
            title=design.title,
            asked=design.asked,
            given=self.option.values,
            values=tuple(_values(design)),
        )


def _values(design: Design) -> Iterator[tuple[str, object]]:
    for parameter in design.parameters:
        yield parameter.name, design.values[parameter.name]


def _not_by(scenario: Scenario, action: ActionSpec, number: int, error: Exception) -> ScenarioError:
    return _impossible(scenario, action.line, f"action {number} ({action.do})", error)


def _impossible(scenario: Scenario, line: int, what: str, error: Exception) -> ScenarioError:
    place = f"line {line}, {what}" if line else what
    expected = "what this guest can do"
    return ScenarioError(scenario.source, place, expected=expected, got=str(error))

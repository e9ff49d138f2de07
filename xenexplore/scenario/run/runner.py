"""Run a scenario under an option, compare its options, check its expectations."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

from xenexplore.errors import MachineError, ScenarioError
from xenexplore.guest.domain import Domain
from xenexplore.options.registry import OPTIONS, Chosen, variant, with_parameters
from xenexplore.options.variant import Variant
from xenexplore.scenario.library.builtin import find_scenario
from xenexplore.scenario.model.scenario import Scenario
from xenexplore.scenario.run.comparison import Comparison, ComparisonRow
from xenexplore.scenario.run.differences import first_difference
from xenexplore.scenario.run.expectations import unmet
from xenexplore.scenario.run.live import LiveRun
from xenexplore.scenario.run.trace import Trace

__all__ = ["check", "compare", "options_of", "run", "run_machine"]


def options_of(scenario: Scenario) -> tuple[Variant, ...]:
    """The options that a scenario is run under: its own, or all that were ever specified."""
    if scenario.options:
        return scenario.options
    return tuple(variant(option) for option in OPTIONS.values() if option.specified)


def run(scenario: Scenario | str, option: Chosen | None = None, **parameters: object) -> Trace:
    """Run a scenario under one option.

    Args:
        scenario: what to run: a scenario, or the name of a built-in one or of a file.
        option: a label of the scenario; an option's name, with parameters after a
            colon (``"software-tlb: register=stack"``); an option's class, of the
            registry or not; an option with its parameters; None: the scenario's
            first option.
        parameters: the option's parameters by name, in place of those that
            ``option`` sets; lists of words are Python lists.

    Raises:
        ScenarioError: there is no such option or parameter, or the machine cannot
            be built or do what an action asks.

    >>> from xenexplore.scenario.library.builtin import find_scenario
    >>> scenario = find_scenario("evtchn-send-from-stack")
    >>> run(scenario, "giant-map")
    <Trace evtchn-send-from-stack under giant-map: 21 steps, right>
    >>> run(scenario, "software-tlb", register=["stack"])
    <Trace evtchn-send-from-stack under software-tlb: register=stack: 27 steps, right>
    """
    scenario = _loaded(scenario)
    [chosen] = _with_parameters(scenario, [_chosen(scenario, option)], parameters)
    return _run(scenario, chosen)


def compare(
    scenario: Scenario | str, options: Sequence[Chosen] | None = None, **parameters: object
) -> Comparison:
    """Run a scenario under several options.

    Args:
        scenario: what to run: a scenario, or the name of a built-in one or of a file.
        options: which, in this order, each as :func:`run` takes it; None: each
            option of the scenario.  The scenario's expectations are about its
            own options, and are not applied to others.
        parameters: by name, for each of these options that has such a parameter.

    Raises:
        ScenarioError: there is no such option, none of them has such a parameter, or the
            machine cannot be built or do what an action asks.

    >>> compare("straddle", ["linear-walk", "number-bit"])
    <Comparison straddle: 2 options, 1 right, 1 wrong>
    """
    scenario = _loaded(scenario)
    own = options_of(scenario)
    chosen = own if options is None else [_chosen(scenario, one) for one in options]
    wanted = _with_parameters(scenario, chosen, parameters)
    if len(wanted) != len({option.label for option in wanted}) or not wanted:
        raise ScenarioError(
            scenario.source, "options", expected="one option or more, each once",
            got=", ".join(option.label for option in wanted) or "none",
        )  # fmt: skip
    rows: list[ComparisonRow] = []
    for option in wanted:
        trace = _run(scenario, option)
        difference = first_difference(rows[0].trace, trace) if rows else None
        failed = tuple(unmet(scenario, trace)) if option in own else ()
        rows.append(ComparisonRow(trace=trace, difference=difference, failed=failed))
    return Comparison(about=scenario.about, rows=tuple(rows))


def check(scenario: Scenario | str) -> tuple[str, ...]:
    """Every expectation that fails, as a sentence; empty if all hold.

    Args:
        scenario: what to run: a scenario, or the name of a built-in one or of a file.

    Raises:
        ScenarioError: the machine cannot be built or do what an action asks.

    >>> from xenexplore.scenario.library.builtin import find_scenario
    >>> check(find_scenario("straddle"))
    ()
    """
    scenario = _loaded(scenario)
    named = {label for expect in scenario.expects for label in expect.options}
    everywhere = any(not expect.options for expect in scenario.expects)
    failed: list[str] = []
    for option in options_of(scenario):
        if everywhere or option.label in named:
            failed += unmet(scenario, _run(scenario, option))
    return tuple(failed)


def _loaded(scenario: Scenario | str) -> Scenario:
    return find_scenario(scenario) if isinstance(scenario, str) else scenario


def _with_parameters(
    scenario: Scenario, options: Sequence[Variant], parameters: Mapping[str, object]
) -> Sequence[Variant]:
    if not parameters:
        return options
    try:
        return with_parameters(options, parameters)
    except MachineError as error:
        raise _no_variant(scenario, error) from None


def _no_variant(scenario: Scenario, error: MachineError) -> ScenarioError:
    return ScenarioError(
        scenario.source, "option", expected="a design and its parameters", got=str(error)
    )


def _chosen(scenario: Scenario, wanted: Chosen | None) -> Variant:
    options = options_of(scenario)
    if wanted is None:
        return options[0]
    for option in options:
        if option.label == wanted:
            return option
    try:
        found = variant(wanted)
    except MachineError as error:
        if not isinstance(wanted, str) or ":" in wanted:
            raise _no_variant(scenario, error) from None
        labels = [option.label for option in options]
        near = difflib.get_close_matches(wanted, [*labels, *OPTIONS], n=1, cutoff=0.4)
        raise ScenarioError(
            scenario.source, "option", got=repr(wanted),
            expected=f"one of {', '.join(map(repr, labels))}",
            hint=f"did you mean {near[0]!r}?" if near else "or the name of any option",
        ) from None  # fmt: skip
    if not isinstance(wanted, str) or found.values:
        return found
    return next((option for option in options if option.design is found.design), found)


def _run(scenario: Scenario, option: Variant) -> Trace:
    return run_machine(scenario, option)[0]


def run_machine(scenario: Scenario, option: Variant) -> tuple[Trace, Domain]:
    """Run a scenario under a variant; the guest as it is afterwards comes with the trace.

    Raises:
        ScenarioError: the machine cannot be built or do what an action asks.
        DesignError: a hook of the design raises, or gives what it must not.
    """
    live = LiveRun(scenario, option)
    live.carry_out(scenario.actions)
    return live.trace(scenario), live.xen.domain

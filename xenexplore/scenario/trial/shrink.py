"""The smallest scenario that still shows a fault: parts are left out while it stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, replace

from xenexplore.guest.spec import GuestSpec
from xenexplore.scenario.model import action_records as do
from xenexplore.scenario.model.scenario import Scenario
from xenexplore.scenario.model.values import Reference

__all__ = ["shrink"]


def shrink(scenario: Scenario, shows: Callable[[Scenario], bool], most: int = 200) -> Scenario:
    """Leave out actions, buffers and details as long as ``shows`` holds.

    Args:
        scenario: where it shows.
        shows: whether it does in another one.
        most: how often to ask.

    Returns:
        A scenario of which nothing more can be left out, one part at a time; or the
        smallest that was found in time.
    """
    asked = 0
    smaller = True
    while smaller:
        smaller = False
        for one in _simpler(scenario):
            asked += 1
            if asked > most:
                return scenario
            if shows(one):
                scenario, smaller = one, True
                break
    return scenario


def _simpler(scenario: Scenario) -> Iterator[Scenario]:
    """Every scenario with one thing less."""
    for at in reversed(range(len(scenario.actions))):
        actions = scenario.actions[:at] + scenario.actions[at + 1 :]
        yield _pruned(replace(scenario, actions=actions))
    yield from _plainer_actions(scenario)
    yield from _plainer_guest(scenario)
    for at, buffer in enumerate(scenario.buffers):
        plainer: list[dict[str, object]] = [{"offset": None}] if buffer.offset is not None else []
        if buffer.place not in ("kmalloc", "stack") and buffer.process is None:
            plainer += [{"place": "kmalloc"}, {"place": "stack"}]
        if buffer.address is not None:
            plainer.append({"address": None})
        for change in plainer:
            buffers = list(scenario.buffers)
            buffers[at] = replace(buffer, **change)  # type: ignore[arg-type]
            yield replace(scenario, buffers=tuple(buffers))


def _plainer_actions(scenario: Scenario) -> Iterator[Scenario]:
    for at, action in enumerate(scenario.actions):
        plainer: list[do.ActionSpec] = []
        if isinstance(action, do.CallAction) and action.preempt:
            plainer.append(replace(action, preempt=()))
        if isinstance(action, do.Multicall) and len(action.entries) > 1:
            plainer += [replace(action, entries=(entry,)) for entry in action.entries]
            plainer += [
                do.CallAction(vcpu=action.vcpu, hypercall=entry.hypercall, given=entry.given)
                for entry in action.entries
            ]
        for one in plainer:
            actions = list(scenario.actions)
            actions[at] = one
            yield _pruned(replace(scenario, actions=tuple(actions)))


def _plainer_guest(scenario: Scenario) -> Iterator[Scenario]:
    default = GuestSpec()
    for field in fields(GuestSpec):
        usual = getattr(default, field.name)
        if getattr(scenario.guest, field.name) == usual:
            continue
        guest = replace(scenario.guest, **{field.name: usual})
        buffers = scenario.buffers
        if field.name == "encryption":
            buffers = tuple(replace(buffer, shared=None) for buffer in buffers)
        yield replace(scenario, guest=guest, buffers=buffers)


def _pruned(scenario: Scenario) -> Scenario:
    """Without the buffers that nothing names any more."""
    used: set[str] = set()
    for action in scenario.actions:
        used |= set(_named(action))
    grown = True
    while grown:
        held = {
            value.buffer
            for buffer in scenario.buffers
            if buffer.name in used
            for value in _values(buffer.contents.fields, buffer.contents.array)
        }
        grown = not held <= used
        used |= held
    buffers = tuple(buffer for buffer in scenario.buffers if buffer.name in used)
    return replace(scenario, buffers=buffers)


def _named(action: do.ActionSpec) -> Iterator[str]:
    for field in fields(action):
        value = getattr(action, field.name)
        if field.name in ("buffer", "argument", "list"):
            yield value
        if field.name == "what":
            yield value.removeprefix("buffer:")
        if field.name == "given":
            yield from (one.buffer for one in _values(value, ()))
        if field.name == "entries":
            for entry in value:
                yield from (one.buffer for one in _values(entry.given, ()))


def _values(pairs: object, array: object) -> Iterator[Reference]:
    """References anywhere in pairs and elements."""
    for value in (pairs, array):
        if isinstance(value, Reference):
            yield value
        elif isinstance(value, tuple):
            for item in value:
                yield from _values(item, ())

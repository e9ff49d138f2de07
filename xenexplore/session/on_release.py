"""A guest's session moved to another release of Xen: its structs are laid out again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from xenexplore.scenario.model.action_records import ActionSpec, Place, Write
from xenexplore.scenario.model.scenario import BufferSpec, Contents, Scenario
from xenexplore.scenario.model.values import Pairs, Reference
from xenexplore.session.values import checked_pairs, checked_scalar, known_struct

__all__ = ["on_release"]


def on_release(
    scenario: Scenario, actions: Iterable[ActionSpec], release: str
) -> tuple[Scenario, tuple[ActionSpec, ...]]:
    """A scenario's guest and actions, with structs as a release's public headers have them.

    Raises:
        MachineError: that release lacks a struct or field, or a value does not fit in it.
    """
    buffers = tuple(_buffer(buffer, release) for buffer in scenario.buffers)
    moved = tuple(_action(action, release) for action in actions)
    return replace(scenario, xen=release, buffers=buffers), moved


def _action(action: ActionSpec, release: str) -> ActionSpec:
    if isinstance(action, Place):
        return replace(action, buffer=_buffer(action.buffer, release))
    if isinstance(action, Write):
        return replace(action, contents=_contents(action.contents, release))
    return action


def _buffer(buffer: BufferSpec, release: str) -> BufferSpec:
    return replace(buffer, contents=_contents(buffer.contents, release))


def _contents(contents: Contents, release: str) -> Contents:
    if contents.struct:
        known_struct(contents.struct, release)
        pairs: Iterable[Pairs] = (contents.fields, *_elements(contents, release))
        for one in pairs:
            names = [value.buffer for _, value in one if isinstance(value, Reference)]
            checked_pairs(contents.struct, dict(one), names, release)
    return replace(contents, xen=release)


def _elements(contents: Contents, release: str) -> Iterable[Pairs]:
    for element in contents.array:
        if isinstance(element, tuple):
            yield element
        else:
            checked_scalar(contents.struct, element, release)

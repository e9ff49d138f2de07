"""Drawing rules: one for each kind of step, for every view."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, TypeVar

from xenexplore.steps import Step

__all__ = ["DrawingRule", "StepLabel", "Tone", "draws", "rule_of"]

Tone: TypeAlias = Literal["plain", "good", "miss", "bad", "quiet"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLabel:
    """A step in few words.

    Attributes:
        label: one short word or two, e.g. ``"copy in"``.
        main: what it is about; addresses in groups.
        side: how it went, e.g. ``"MISS"``; stands apart from ``main``.
        aside: what may be left out where there is no room.
        more: further lines.
        tone: ``"good"``, ``"miss"`` and ``"bad"`` stand out, ``"quiet"`` steps back.
    """

    label: str
    main: str
    side: str = ""
    aside: str = ""
    more: tuple[str, ...] = ()
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True)
class DrawingRule:
    """Rule by which one kind of step is drawn, in every view.

    Attributes:
        label: makes its label.
        shape: its shape, one of :data:`xenexplore.render.drawing.glyphs.SHAPES`.
        short: makes the word or two that a line of time has room for.
    """

    label: Callable[[Any], StepLabel]
    shape: str
    short: Callable[[Any], str] | None = None


def _said(step: Step) -> StepLabel:
    return StepLabel(label=step.kind, main=step.say().removesuffix("."))


_RULES: dict[type[Step], DrawingRule] = {}
_SAID = DrawingRule(_said, "half")
_PACKAGE = f"{__name__.partition('.')[0]}."


_Maker = TypeVar("_Maker", bound=Callable[..., StepLabel])


def draws(
    kind: type[Step], shape: str, *, short: Callable[[Any], str] | None = None
) -> Callable[[_Maker], _Maker]:
    """Register the drawing rule of a kind of step: the decorated function labels it."""
    if kind in _RULES:
        raise TypeError(f"step {kind.kind!r} has a drawing rule already")

    def registered(label: _Maker) -> _Maker:
        _RULES[kind] = DrawingRule(label, shape, short)
        return label

    return registered


def rule_of(kind: type[Step]) -> DrawingRule:
    """The drawing rule of a kind of step.

    A step of a reader's own, from outside the package, is drawn by what it says.

    Raises:
        TypeError: none is registered.
    """
    rule = _RULES.get(kind)
    if rule is None and not kind.__module__.startswith(_PACKAGE):
        return _SAID
    if rule is None:
        raise TypeError(f"step {kind.kind!r} has no drawing rule: decorate a function with @draws")
    return rule

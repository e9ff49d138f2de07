"""Replayed variants of the options, each checked against its replay model."""

from __future__ import annotations

from xenexplore.errors import MachineError
from xenexplore.hypervisor.design import Design
from xenexplore.hypervisor.replay_model import ReplayModel
from xenexplore.options.registry import OPTIONS, Chosen, variant
from xenexplore.options.variant import Variant

__all__ = ["DESIGNS", "design", "has_model", "replay_model"]


def replay_model(what: Variant) -> ReplayModel:
    """The model of recorded accesses under a variant.

    Raises:
        MachineError: the design's class declares no replay model of its own, or a
            parameter is set that its model does not take into account.
    """
    declared = vars(what.design).get("replay")
    if declared is None:
        raise MachineError(
            f"option {what.use!r} has no replay model: class {what.design.__name__} must declare "
            "replay = ..., its own ReplayModel (an inherited one may not apply); or run a "
            "scenario step by step"
        )
    option = what.make()
    model: ReplayModel = declared(option)
    _followed(option, model)
    return model


def has_model(what: Variant) -> bool:
    """Whether the design's class declares a replay model of its own.

    Without one its hypercalls go through the step-by-step machine.
    """
    return vars(what.design).get("replay") is not None


def _followed(option: Design, model: ReplayModel) -> None:
    for parameter in option.parameters:
        value = option.values[parameter.name]
        if parameter.name not in model.follows and value != parameter.default:
            takes = ", ".join(sorted(model.follows)) or "none"
            raise MachineError(
                f"replay of {option.name!r} does not support {parameter.name}={value!r}: "
                f"it supports {takes}; run a scenario for the rest"
            )


def _every_design() -> tuple[Variant, ...]:
    """Every option, as the variants that it shows, in the order of their ranks."""
    ranked: list[tuple[float, Variant]] = []
    for number, option in enumerate(OPTIONS.values()):
        model = option.replay
        shown = (model.variants if model is not None else {}) or {option.name: {}}
        rank = float(number) if model is None or model.rank is None else model.rank
        for label, values in shown.items():
            ranked.append((rank, variant(option, values, label=label)))
    return tuple(what for _, what in sorted(ranked, key=lambda item: item[0]))


DESIGNS: tuple[Variant, ...] = _every_design()
"""Every option of the registry; registered buffers in the forms that the thread names."""


def design(chosen: Chosen) -> Variant:
    """A variant by its label in :data:`DESIGNS`, or as the registry parses it.

    ``"software-tlb: register=directmap+stack, entries=4"``.

    Raises:
        MachineError: no such option or parameter, or one that its model cannot follow.
    """
    found = next((known for known in DESIGNS if known.label == chosen), None)
    if found is None:
        found = variant(chosen)
        if has_model(found):
            replay_model(found)
    return found

"""Every option in every variant: made from the registry, so that a new option is in every test."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from xenexplore.analysis.replay.design import DESIGNS, replay_model
from xenexplore.errors import MachineError
from xenexplore.hypervisor.design import Design, Parameter
from xenexplore.options.registry import OPTIONS, variant
from xenexplore.options.variant import Variant

SPECIFIED = tuple(option for option in OPTIONS.values() if option.specified)
REGIONS = (("directmap",), ("kernel-image", "directmap"))
NUMBERS = (1, 3)
"""Values for a parameter that is a number: a table too small for two ranges, and one not."""


def text_of(what: Variant) -> str:
    """A test's name."""
    spelled = (
        f"{key}={'+'.join(value) if isinstance(value, tuple) else value}"
        for key, value in what.values
    )
    return ",".join([what.use, *spelled])


def values_of(parameter: Parameter) -> Iterator[object]:
    """Every value that is not the default; of words and numbers, some."""
    if parameter.choices:
        chosen: tuple[object, ...] = parameter.choices
    elif isinstance(parameter.default, bool):
        chosen = (True, False)
    elif isinstance(parameter.default, int):
        chosen = NUMBERS
    elif isinstance(parameter.default, tuple):
        chosen = REGIONS
    else:
        raise AssertionError(f"what else may {parameter.name} be?")
    yield from (value for value in chosen if value != parameter.default)


def bases_of(option: type[Design]) -> Iterator[dict[str, object]]:
    """Parameters without which the others say nothing: what is registered, in how many slots."""
    names = {parameter.name for parameter in option.parameters}
    yield {}
    if "register" in names:
        yield {"register": REGIONS[-1]}
    if "entries" in names:
        yield {"entries": 1, **({"register": REGIONS[-1]} if "register" in names else {})}


@cache
def every_variant() -> tuple[Variant, ...]:
    """Each specified option with its defaults, and with each parameter at each value."""
    found: dict[tuple[str, tuple[tuple[str, object], ...]], Variant] = {}
    for option in SPECIFIED:
        for base in bases_of(option):
            settings = [
                {parameter.name: value}
                for parameter in option.parameters
                for value in values_of(parameter)
            ]
            for more in ({}, *settings):
                values = {**base, **more}
                one = variant(option, values)
                found[(one.use, tuple(sorted(one.values)))] = one
    return tuple(found.values())


def shown() -> tuple[Variant, ...]:
    """What a replay of every design shows, of what can run; only whole regions registered.

    Which pages of stacks hypercalls use a recording knows in hindsight only.
    """
    found = []
    for what in DESIGNS:
        words = dict(what.values).get("register")
        more = {"register": tuple(w for w in words if w != "stack")} if words else {}
        if what.design.specified:
            found.append(variant(what, more))
    return tuple(found)


def replayable() -> tuple[Variant, ...]:
    """Those whose parameters a replay takes into account."""

    def can(what: Variant) -> bool:
        try:
            replay_model(what)
        except MachineError:
            return False
        return True

    return tuple(what for what in every_variant() if can(what))

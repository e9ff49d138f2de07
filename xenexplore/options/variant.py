"""A variant: one option with the parameters that are set, under a label."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from xenexplore.hypervisor.design import Design

__all__ = ["Parameters", "Variant", "variant_text"]

Parameters: TypeAlias = "tuple[tuple[str, object], ...]"
"""Parameters by name, in the order in which they were set; lists are tuples of words."""


def variant_text(use: str, values: Parameters) -> str:
    """An option's name, a colon and its parameters; lists are joined by plus signs.

    >>> variant_text("software-tlb", (("register", ("directmap", "stack")), ("global_only", True)))
    'software-tlb: register=directmap+stack, global_only=true'
    """
    settings = ", ".join(f"{name}={_word(value)}" for name, value in values)
    return f"{use}: {settings}" if settings else use


def _word(value: object) -> str:
    if isinstance(value, tuple | list):
        return "+".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """An option as a scenario, a replay or the command line uses it.

    Made by :func:`xenexplore.options.registry.variant`, which checks the parameters.

    Attributes:
        design: the option's class, of the registry or not.
        label: name of this variant for readers, expectations and the command line.
        values: the parameters that are set.
        line: line of a scenario's text, from 1; 0 if it was never text.
    """

    design: type[Design]
    label: str
    values: Parameters = ()
    line: int = field(default=0, compare=False)

    @property
    def use(self) -> str:
        """The option's name."""
        return self.design.name

    @property
    def text(self) -> str:
        """Text that the registry parses as this variant: ``"software-tlb entries=4"``."""
        return variant_text(self.use, self.values)

    def make(self) -> Design:
        """A fresh option with these parameters; each run needs its own."""
        return self.design(**dict(self.values))

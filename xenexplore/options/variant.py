"""A variant: one option with the parameters that are set, under a label."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from xenexplore.hypervisor.abi import Abi

__all__ = ["Parameters", "Variant"]

Parameters: TypeAlias = "tuple[tuple[str, object], ...]"
"""Parameters by name, in the order in which they were set; lists are tuples of words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """An option as a scenario, a replay or the command line uses it.

    Made by :func:`xenexplore.options.registry.variant`, which checks the parameters.

    Attributes:
        design: the option's class, of the registry or not.
        label: what people, expectations and the command line call this variant.
        values: the parameters that are set.
        line: line of a scenario's text, from 1; 0 if it was never text.
    """

    design: type[Abi]
    label: str
    values: Parameters = ()
    line: int = field(default=0, compare=False)

    @property
    def use(self) -> str:
        """The option's name."""
        return self.design.name

    def make(self) -> Abi:
        """A fresh option with these parameters; each run needs its own."""
        return self.design(**dict(self.values))

"""The options: all of them in a list, and one on a page of its own."""

from __future__ import annotations

from xenexplore.hypervisor.abi import Abi

__all__ = ["option_text", "options_text"]


def options_text(*, unicode: bool = False) -> str:
    """Every option in a line or two."""
    raise NotImplementedError


def option_text(option: type[Abi], *, unicode: bool = False) -> str:
    """One option: what it is, who asked, its parameters, what it refuses."""
    raise NotImplementedError

"""Every option, by name.  The only module that knows more than one of them."""

from __future__ import annotations

import difflib

from xenexplore.errors import MachineError
from xenexplore.hypervisor.abi import Abi, Parameter
from xenexplore.options.abi_v2 import AbiV2
from xenexplore.options.address_bits import AddressBits
from xenexplore.options.bounce import Bounce
from xenexplore.options.domain_mode import DomainMode
from xenexplore.options.fastabi import FastAbi
from xenexplore.options.gfn_lists import GfnLists
from xenexplore.options.giant_map import GiantMap
from xenexplore.options.linear_walk import LinearWalk
from xenexplore.options.number_bit import NumberBit
from xenexplore.options.packets import Packets
from xenexplore.options.phys_twins import PhysTwins
from xenexplore.options.sg_policy import ScatterGatherPolicy
from xenexplore.options.software_tlb import SoftwareTlb

__all__ = ["OPTIONS", "make_option", "option_class"]

OPTIONS: dict[str, type[Abi]] = {
    option.name: option
    for option in (
        LinearWalk,
        DomainMode,
        NumberBit,
        AddressBits,
        ScatterGatherPolicy,
        AbiV2,
        Packets,
        SoftwareTlb,
        GfnLists,
        Bounce,
        GiantMap,
        FastAbi,
        PhysTwins,
    )
}
"""Name to class, in the order of the digest's numbers."""

# No number of an option means anything beyond this: a table of so many entries
# has one for each page of 4 GiB.
_MOST = 1 << 20


def option_class(name: str) -> type[Abi]:
    """The option of that name, or of that number (``"O7"``).

    Raises:
        MachineError: there is none; names the nearest.
    """
    if name in OPTIONS:
        return OPTIONS[name]
    for option in OPTIONS.values():
        if option.ident.lower() == name.lower():
            return option
    near = difflib.get_close_matches(name, OPTIONS, n=1, cutoff=0.4)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise MachineError(f"no option {name!r}: expected one of {', '.join(OPTIONS)}{hint}")


def make_option(name: str, values: dict[str, object] | None = None) -> Abi:
    """An option with its parameters, checked.

    Raises:
        MachineError: no such option or parameter, or a value that it does not take.
    """
    option = option_class(name)
    known = {parameter.name: parameter for parameter in option.parameters}
    checked: dict[str, object] = {}
    for key, value in (values or {}).items():
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.4)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            takes = ", ".join(known) or "none"
            raise MachineError(f"option {option.name!r} has no parameter {key!r}: {takes}{hint}")
        checked[key] = _checked(option.name, known[key], value)
    return option(**checked)


def _checked(option: str, parameter: Parameter, value: object) -> object:
    default = parameter.default
    if isinstance(default, tuple):
        if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
            return tuple(value)
        raise MachineError(f"{option}: {parameter.name} takes a list of words, not {value!r}")
    if type(value) is not type(default):
        kind = {str: "a word", int: "a number", bool: "true or false"}[type(default)]
        raise MachineError(f"{option}: {parameter.name} takes {kind}, not {value!r}")
    if parameter.choices and value not in parameter.choices:
        near = difflib.get_close_matches(str(value), map(str, parameter.choices), n=1, cutoff=0.4)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        takes = ", ".join(map(str, parameter.choices))
        raise MachineError(f"{option}: {parameter.name} is one of {takes}, not {value!r}{hint}")
    if isinstance(value, int) and not isinstance(value, bool) and value < 0:
        raise MachineError(f"{option}: {parameter.name} takes 0 or more, not {value}")
    if isinstance(value, int) and value > _MOST:
        raise MachineError(f"{option}: {parameter.name} takes at most {_MOST}, not {value}")
    return value

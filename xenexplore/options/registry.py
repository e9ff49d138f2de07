"""Every option, by name. The only module that refers to more than one of them.

A module of this room that defines an option is found by itself: adding a design is adding a
file.  A design defined elsewhere (a notebook's cell, a user's file) is a class like any
other: whatever takes a variant takes it, and it needs no entry here.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TypeAlias

from xenexplore import options
from xenexplore.display import Shown
from xenexplore.errors import MachineError
from xenexplore.hypervisor.design import Design, Parameter
from xenexplore.hypervisor.mistakes import validate_design
from xenexplore.options.outside import design_in_file, installed_designs
from xenexplore.options.variant import Parameters, Variant, variant_text

__all__ = [
    "FOUND",
    "OPTIONS",
    "RECORDED",
    "REGISTERED",
    "REGISTERS_ONLY",
    "TODAY",
    "Chosen",
    "OptionList",
    "known_designs",
    "list_options",
    "make_option",
    "offer",
    "option_class",
    "variant",
    "with_parameters",
]

Chosen: TypeAlias = "str | type[Design] | Design | Variant"
"""A variant as given: text, an option's class, an option with parameters, a variant."""


def _discovered() -> Iterator[type[Design]]:
    """The options that the modules of this room define."""
    for info in pkgutil.iter_modules(options.__path__):
        name = f"{options.__name__}.{info.name}"
        if name == __name__:
            continue
        for found in vars(importlib.import_module(name)).values():
            if isinstance(found, type) and issubclass(found, Design) and found.__module__ == name:
                yield found


def _number(option: type[Design]) -> int:
    """The number of an ident: 7 of ``"O7"``."""
    return int(option.ident.removeprefix("O"))


def _by_name(found: list[type[Design]]) -> Mapping[str, type[Design]]:
    for what in ("name", "ident"):
        spelled = [getattr(option, what) for option in found]
        assert len(set(spelled)) == len(spelled), f"two options share the {what}: {spelled}"
    return MappingProxyType({option.name: option for option in found})


OPTIONS = _by_name(sorted(_discovered(), key=_number))
"""Name to class, in the order of the designs' numbers."""

TODAY = OPTIONS["linear-walk"]
"""Today's interface, which every other is compared with."""

REGISTERED = OPTIONS["software-tlb"]
"""Registered buffers with every parameter: what a sweep varies."""

REGISTERS_ONLY = OPTIONS["fastabi"]
"""No guest memory at all: its supported calls have their own table."""

RECORDED = (OPTIONS["giant-map"], REGISTERED, OPTIONS["number-bit"])
"""The design, next to today's interface, that shows a recorded call of a guest with a P2M."""

FOUND = (OPTIONS["giant-map"], REGISTERED, OPTIONS["domain-mode"])
"""The designs that the findings of all recordings cover, in addition to today's interface."""

# No number of an option means anything beyond this: a table of so many entries
# has one for each page of 4 GiB.
_MOST = 1 << 20


def option_class(chosen: str | type[Design]) -> type[Design]:
    """A design by name or number (``"O7"``), by its file, or a class as it is.

    Args:
        chosen: a registered or installed design's name, ``"my.py:LastWalk"``, or a class.

    Raises:
        MachineError: there is none of that name (the nearest is named); or the class has a
            registered option's name.
        DesignError: the class, or the file that it is in, is not what a design must be.
    """
    if isinstance(chosen, type):
        return _foreign(chosen)
    if chosen in OPTIONS:
        return OPTIONS[chosen]
    outside = design_in_file(chosen)
    if outside is not None:
        return _foreign(outside[0])
    every = known_designs()
    for option in every.values():
        if chosen == option.name or option.ident.lower() == chosen.lower():
            return _foreign(option)
    raise MachineError(
        f"no option {chosen!r}: expected one of {', '.join(every)}{_near(chosen, every)}"
    )


_offered: dict[str, type[Design]] = {}


def offer(design: type[Design]) -> type[Design]:
    """Register a design under its name, for texts, lists and the workbench.

    Args:
        design: a class; one that is defined again replaces the old one.

    Returns:
        The class, so that this can decorate it.

    Raises:
        MachineError: a registered option has its name.
        DesignError: the class is not a valid design.

    >>> from xenexplore.hypervisor.linear import locate_linear
    >>> @offer
    ... class WalkAgain(Design):
    ...     def locate(self, xen, access):
    ...         return locate_linear(xen, access)
    >>> variant("walk-again").design is WalkAgain
    True
    >>> _offered.pop("walk-again").title
    'Walk again'
    """
    _offered[_foreign(design).name] = design
    return design


def known_designs() -> Mapping[str, type[Design]]:
    """The registered designs, those of installed packages and those offered, by name."""
    return MappingProxyType({**OPTIONS, **installed_designs(), **_offered})


def _foreign(option: type[Design]) -> type[Design]:
    """A class as it is, if its name is its own."""
    if not (isinstance(option, type) and issubclass(option, Design)):
        raise MachineError(f"expected a subclass of {Design.__name__}, got {option!r}")
    if OPTIONS.get(option.name) is option:
        return option
    validate_design(option)
    for what in ("name", "ident"):
        if getattr(option, what) in [getattr(one, what) for one in OPTIONS.values()]:
            raise MachineError(
                f"class {option.__name__}: the {what} {getattr(option, what)!r} belongs to a "
                "registered option: choose another"
            )
    return option


class OptionList(tuple[type[Design], ...], Shown):
    """Options' classes, in order; one alone shows its parameters and refusals."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<OptionList: {', '.join(option.name for option in self)}>"


def list_options(*chosen: str | type[Design]) -> OptionList:
    """The designs, as ``xenexplore options`` lists them.

    Args:
        chosen: names or numbers (``"O7"``), files (``"my.py:LastWalk"``), or classes; none:
            every option, the designs of installed packages, and those offered (``offer``).

    Raises:
        MachineError: there is no such option; the nearest is named.

    >>> list_options("O7", "linear-walk")
    <OptionList: software-tlb, linear-walk>
    >>> [parameter.name for parameter in list_options("number-bit")[0].parameters][:2]
    ['not_contiguous', 'continuation']
    """
    return OptionList(map(option_class, chosen) if chosen else known_designs().values())


def make_option(chosen: str | type[Design], values: Mapping[str, object] | None = None) -> Design:
    """An option with its parameters, checked.

    Raises:
        MachineError: no such option or parameter, or a value that it does not take.
    """
    option = option_class(chosen)
    return option(**dict(_checked_all(option, values or {})))


def variant(
    chosen: Chosen, values: Mapping[str, object] | None = None, *, label: str = "", line: int = 0
) -> Variant:
    """An option with parameters, under a label: the form that everything else takes.

    Text is ``"software-tlb: register=directmap+stack, entries=4"``: an option's
    name or number, or a class in a file (``"my.py:LastWalk: pages=2"``), then
    parameters; lists are joined by plus signs.  The same text serves the
    command line, scenarios and Python.

    Args:
        chosen: text, an option's class, an option with its parameters, or a variant.
        values: further parameters by name; they override those of ``chosen``.
        label: its label; default: the text, or the option's name and ``values``.
        line: line of a scenario's text.

    Raises:
        MachineError: no such option or parameter, or a value that it does not take.

    >>> variant("O7: entries=4, register=directmap+buffer:b").values
    (('entries', 4), ('register', ('directmap', 'buffer:b')))
    """
    if isinstance(chosen, Variant):
        given, option = dict(chosen.values), chosen.design
        label = label or chosen.label
    elif isinstance(chosen, Design):
        defaults = {parameter.name: parameter.default for parameter in chosen.parameters}
        given = {key: held for key, held in chosen.values.items() if held != defaults.get(key)}
        option = option_class(type(chosen))
    elif isinstance(chosen, str):
        option, given = _parsed(chosen)
        own = option in OPTIONS.values()
        label = label or (option.name if not given else chosen if own else "")
    else:
        option, given = option_class(chosen), {}
    pairs = _checked_all(option, {**given, **(values or {})})
    told = isinstance(chosen, str) or bool(values)
    label = label or variant_text(option.name, pairs if told else ())
    return Variant(design=option, label=label, values=pairs, line=line)


def with_parameters(
    variants: Sequence[Variant], parameters: Mapping[str, object]
) -> tuple[Variant, ...]:
    """Each variant with those of the parameters that its option has, labelled accordingly.

    Args:
        variants: which.
        parameters: by name; they win over those that a variant sets.

    Raises:
        MachineError: none of the options has such a parameter, or it does not take the value.

    >>> with_parameters([variant("linear-walk"), variant("O7")], {"entries": 4})[1].label
    'software-tlb: entries=4'
    """
    known = [{parameter.name for parameter in one.design.parameters} for one in variants]
    every = dict.fromkeys(name for names in known for name in sorted(names))
    for name in parameters:
        if name not in every:
            asked = ", ".join(repr(one.use) for one in variants)
            takes = ", ".join(every) or "none"
            which = "option" if len(variants) == 1 else "none of"
            has = "no" if len(variants) == 1 else "a"
            raise MachineError(
                f"{which} {asked} has {has} parameter {name!r}: {takes}{_near(name, every)}"
            )
    return tuple(
        _changed(one, {key: value for key, value in parameters.items() if key in names})
        for one, names in zip(variants, known, strict=True)
    )


def _changed(one: Variant, parameters: Mapping[str, object]) -> Variant:
    if not parameters:
        return one
    changed = variant(one, parameters)
    return replace(changed, label=changed.text)


_SETTING = re.compile(r"(?:^|[:,])\s*([a-z_]+)=")


def _parsed(text: str) -> tuple[type[Design], dict[str, object]]:
    """Name and parameters of a variant's text; a value lasts to the next ``name=``."""
    outside = design_in_file(text)
    if outside is not None:
        option, rest = _foreign(outside[0]), outside[1]
        colon = ":" if rest else ""
    else:
        name, colon, rest = text.partition(":")
        option = option_class(name.strip())
    kinds = {parameter.name: parameter.default for parameter in option.parameters}
    found = list(_SETTING.finditer(rest))
    if colon and (not found or rest[: found[0].start()].strip()):
        raise MachineError(
            f"design {text!r}: expected key=value after a colon, not {rest.strip()!r}"
        )
    values: dict[str, object] = {}
    ends = [*(setting.start() for setting in found[1:]), len(rest)]
    for setting, end in zip(found, ends, strict=False):
        key, raw = setting[1], rest[setting.end() : end].strip()
        if key in values:
            raise MachineError(f"design {text!r}: {key} is set twice")
        values[key] = _value(text, key, raw, kinds.get(key))
    return option, values


def _value(text: str, key: str, raw: str, default: object) -> object:
    """A parameter's value as its default's type."""
    if isinstance(default, bool):
        known = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
        if raw.lower() not in known:
            raise MachineError(f"design {text!r}: {key} takes true or false, not {raw!r}")
        return known[raw.lower()]
    if isinstance(default, int):
        if not raw.isdecimal():
            raise MachineError(f"design {text!r}: {key} takes a number, not {raw!r}")
        return int(raw)
    if isinstance(default, tuple):
        return tuple(word for word in raw.split("+") if word)
    return raw


def _checked_all(option: type[Design], values: Mapping[str, object]) -> Parameters:
    known = {parameter.name: parameter for parameter in option.parameters}
    checked: list[tuple[str, object]] = []
    for key, value in values.items():
        if key not in known:
            takes = ", ".join(known) or "none"
            raise MachineError(
                f"option {option.name!r} has no parameter {key!r}: {takes}{_near(key, known)}"
            )
        checked.append((key, _checked(option.name, known[key], value)))
    return tuple(checked)


def _near(word: str, known: Mapping[str, object]) -> str:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.4)
    return f"; did you mean {near[0]!r}?" if near else ""


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
        words = {one: None for one in parameter.choices if isinstance(one, str)}
        hint = _near(value, words) if isinstance(value, str) else ""
        takes = ", ".join(map(str, parameter.choices))
        raise MachineError(f"{option}: {parameter.name} is one of {takes}, not {value!r}{hint}")
    if isinstance(value, int) and not isinstance(value, bool) and value < 0:
        raise MachineError(f"{option}: {parameter.name} takes 0 or more, not {value}")
    if isinstance(value, int) and value > _MOST:
        raise MachineError(f"{option}: {parameter.name} takes at most {_MOST}, not {value}")
    return value

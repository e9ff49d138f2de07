"""The options: all of them in a list, and one on a page of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from xenexplore.hypervisor.design import Design, Parameter
from xenexplore.options.registry import OPTIONS
from xenexplore.render.text.box import Ink
from xenexplore.render.views.option_refusals import refusals_of

__all__ = ["list_text", "option_text", "options_text"]

_LEAD = 17


def list_text(options: Sequence[type[Design]], *, unicode: bool = False) -> str:
    """One option on a page of its own; several in a list."""
    if len(options) == 1:
        return option_text(options[0], unicode=unicode)
    return options_text(options, unicode=unicode)


def options_text(
    options: Iterable[type[Design]] = tuple(OPTIONS.values()), *, unicode: bool = False
) -> str:
    """Every option: its number, its name, its title and who proposed it."""
    ink = Ink(unicode=unicode)
    lines: list[str] = []
    for option in options:
        lead = f"{option.ident:4}{option.name}".ljust(_LEAD)
        lines += ink.paragraph(option.title, lead)
        lines += ink.paragraph(option.asked.where, " " * _LEAD)
    lines += ["", *ink.paragraph("xenexplore options NAME shows one of them with its parameters.")]
    return ink.page(lines)


def option_text(option: type[Design], *, unicode: bool = False) -> str:
    """One option: what it is, who proposed it, its parameters, the guests that it refuses.

    Args:
        option: the option's class, as :func:`~xenexplore.options.registry.option_class` gives it.
        unicode: box characters instead of ASCII.
    """
    ink = Ink(unicode=unicode)
    lines = ink.ends(f"{option.ident} {option.name}", "" if option.specified else "not specified")
    lines += ink.paragraph(option.title)
    lines += [ink.rule(), *ink.paragraph(option.summary), ""]
    lines += ink.paragraph(str(option.asked), "source: ")
    if option.precedents:
        lines += ["", "precedents"]
    for one in option.precedents:
        lines += ink.paragraph(f"{one.what} [{one.cite}]", "  ", "      ")
    if option.parameters:
        lines += ["", "parameters"]
        for parameter in option.parameters:
            lines += _parameter(ink, parameter)
    elif option.specified:
        lines += ["", "no parameters"]
    refusals = refusals_of(option)
    if refusals:
        lines += ["", "unsupported guests (individual calls may be refused too)"]
    for guest, reason in refusals:
        lines += ink.paragraph(f"{guest}: {reason}", "  ", "      ")
    return ink.page(lines)


def _parameter(ink: Ink, parameter: Parameter) -> Iterator[str]:
    yield from ink.paragraph(f"{parameter.name} = {_values(parameter)}", "  ", "      ")
    yield from ink.paragraph(f"{parameter.help} [{parameter.source}]", "      ")


def _values(parameter: Parameter) -> str:
    """The default first, then what else is accepted."""
    default = _word(parameter.default)
    others = [_word(choice) for choice in parameter.choices if choice != parameter.default]
    if isinstance(parameter.default, bool):
        others = [_word(not parameter.default)]
    if others:
        return f"{default} (or {', '.join(others)})"
    kinds = {int: "a number", str: "a word", tuple: "a list of words"}
    return f"{default} ({kinds[type(parameter.default)]})"


def _word(value: str | int | bool | tuple[str, ...]) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return " ".join(value) or "nothing"
    return str(value)

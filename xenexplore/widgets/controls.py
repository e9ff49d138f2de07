"""The workbench's controls, and the choices that they stand for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as ipw

from xenexplore.errors import MachineError
from xenexplore.guest.kernel_names import kernel_names
from xenexplore.guest.placement.buffers import KINDS
from xenexplore.guest.spec import ENCRYPTIONS, GUEST_TYPES
from xenexplore.hypervisor.registered import registrable
from xenexplore.memory.p2m import P2M_ORDERS
from xenexplore.options.registry import TODAY, known_designs
from xenexplore.scenario.text.recipes import CALLS, COUNTED, Choices, buffers_of, registration_of
from xenexplore.widgets.form import close_whole

__all__ = ["Controls"]

_REGISTRATIONS = registrable(())
_PLACES = tuple(kind for kind in KINDS if kind != "fixed")
_CURES = ("current", "subject", "deferred")
_LAST_OFFSET = 4095
_BESIDE = (TODAY.name, ())  # today's interface, for the comparison


class Controls:
    """One control per choice; those that do not apply are greyed.

    Args:
        choices: the initial state of the controls.

    Attributes:
        widgets: the controls by name, in the order in which they stand.

    Raises:
        MachineError: the controls cannot express these choices.
    """

    def __init__(self, choices: Choices) -> None:
        self.widgets = _make()
        self._showing = False
        self.widgets["option"].observe(lambda _: self._register_what_is_shown(), "value")
        self.widgets["call"].observe(lambda change: self._offer(change["old"]), "value")
        if not self.show(choices):
            for widget in self.widgets.values():
                close_whole(widget)
            raise MachineError(f"no controls for {choices}")

    def observe(self, act: Callable[[object], None]) -> None:
        """Call ``act`` whenever one of them was used."""
        for widget in self.widgets.values():
            widget.observe(act, "value")

    def _register_what_is_shown(self) -> None:
        """An option that uses only what is registered begins with the call's own buffers."""
        register, call = self.widgets["register"], self.widgets["call"].value
        if not self._showing and not register.value:
            register.value = registration_of(self.widgets["option"].value, buffers_of(call))

    def _offer(self, before: str) -> None:
        """Another call has other buffers to register: where all of its own were, all of them."""
        register, call = self.widgets["register"], self.widgets["call"].value
        chosen = register.value
        kept = tuple(word for word in chosen if word in _words(call))
        if set(_own(before)) <= set(chosen):
            kept = tuple(word for word in _words(call) if word in (*kept, *_own(call)))
        register.options = _words(call)
        register.value = kept

    def choices(self) -> Choices:
        """Choices of the controls.

        Raises:
            MachineError: the page offset is not an offset in a page.
        """
        value = {name: widget.value for name, widget in self.widgets.items()}
        known = _parameters(value["option"])
        params: list[tuple[str, object]] = []
        if "register" in known and value["register"]:
            params.append(("register", value["register"]))
        if "cross_vcpu" in known and value["cure"] != "current":
            params.append(("cross_vcpu", value["cure"]))
        option = (value["option"], tuple(params))
        encryption, p2m = _of_guest(value)
        return Choices(
            guest=value["guest"],
            kernel=value["kernel"],
            encryption=encryption,
            vcpus=value["vcpus"],
            p2m=p2m,
            call=value["call"],
            place=value["place"],
            count=value["count"] if value["call"] in COUNTED else Choices().count,
            offset=_offset(value["offset"]),
            shared=value["shared"] and encryption != "none",
            options=(option,) if option == _BESIDE else (option, _BESIDE),
        )

    def show(self, choices: Choices) -> bool:
        """Say what the choices say; False, and nothing changes, where the controls cannot."""
        self._showing = True
        try:
            return self._say(choices)
        finally:
            self._showing = False

    def _say(self, choices: Choices) -> bool:
        option, params = choices.options[0]
        given = dict(params)
        wanted = {
            "guest": choices.guest,
            "kernel": choices.kernel,
            "encryption": choices.encryption,
            "vcpus": choices.vcpus,
            "p2m": choices.p2m,
            "call": choices.call,
            "place": choices.place,
            "count": choices.count,
            "offset": "" if choices.offset is None else str(choices.offset),
            "shared": choices.shared,
            "option": option,
            "register": given.pop("register", ()),
            "cure": given.pop("cross_vcpu", "current"),
        }
        rest = choices.options[1:]
        if given or rest not in ((), (_BESIDE,)) or not all(map(self._takes, wanted.items())):
            return False
        registered = wanted["register"]
        if not isinstance(registered, tuple) or not set(registered) <= set(_words(choices.call)):
            return False
        for name, value in wanted.items():
            self.widgets[name].value = value
        self.grey()
        return True

    def _takes(self, item: tuple[str, Any]) -> bool:
        name, value = item
        widget = self.widgets[name]
        if isinstance(widget, ipw.Dropdown):
            return value in widget.options
        if isinstance(widget, ipw.BoundedIntText):
            return bool(widget.min <= value <= widget.max)
        return True

    def grey_all(self) -> None:
        """Grey every control: something else decides."""
        for widget in self.widgets.values():
            widget.disabled = True

    def grey(self) -> None:
        """Grey what the other controls leave without a meaning, and nothing else."""
        value = {name: widget.value for name, widget in self.widgets.items()}
        known = _parameters(value["option"])
        pv = value["guest"] == "pv"
        unused = {
            "encryption": pv,
            "p2m": pv,
            "count": value["call"] not in COUNTED,
            "shared": _of_guest(value)[0] == "none",
            "register": "register" not in known,
            "cure": "cross_vcpu" not in known,
        }
        for name, widget in self.widgets.items():
            widget.disabled = unused.get(name, False)


def _of_guest(value: dict[str, Any]) -> tuple[str, str]:
    """Encryption and P2M page size; a PV guest has neither."""
    if value["guest"] == "pv":
        return Choices().encryption, Choices().p2m
    return value["encryption"], value["p2m"]


def _parameters(option: str) -> set[str]:
    return {parameter.name for parameter in known_designs()[option].parameters}


def _own(call: str) -> tuple[str, ...]:
    """A call's own buffers, as words of the registration."""
    return tuple(f"buffer:{name}" for name in buffers_of(call))


def _words(call: str) -> tuple[str, ...]:
    return (*_REGISTRATIONS, *_own(call))


def _offset(text: str) -> int | None:
    if not text.strip():
        return None
    if text.strip().isdecimal() and int(text) <= _LAST_OFFSET:
        return int(text)
    raise MachineError(
        f"page offset: expected 0 to {_LAST_OFFSET}, or nothing (where the allocator of that kind "
        f"of place puts it), got {text!r}"
    )


def _make() -> dict[str, Any]:
    wide = {"style": {"description_width": "8.5em"}, "layout": ipw.Layout(width="23em")}
    return {
        "guest": ipw.Dropdown(options=GUEST_TYPES, description="Guest", **wide),
        "kernel": ipw.Dropdown(options=kernel_names(), description="Kernel", **wide),
        "encryption": ipw.Dropdown(options=ENCRYPTIONS, description="Encryption", **wide),
        "vcpus": ipw.BoundedIntText(min=1, max=8, description="vCPUs", **wide),
        "p2m": ipw.Dropdown(options=tuple(P2M_ORDERS), description="P2M pages", **wide),
        "call": ipw.Dropdown(options=tuple(CALLS), description="Hypercall", **wide),
        "count": ipw.BoundedIntText(min=1, max=2000, description="Elements", **wide),
        "place": ipw.Dropdown(options=_PLACES, description="Buffer lives in", **wide),
        "offset": ipw.Text(
            description="Page offset",
            placeholder="as its allocator does",
            continuous_update=False,
            **wide,
        ),
        "shared": ipw.Checkbox(description="buffers shared with Xen", **wide),
        "option": ipw.Dropdown(options=tuple(known_designs()), description="Option", **wide),
        "register": ipw.SelectMultiple(
            options=_words(next(iter(CALLS))), rows=6, description="Registered", **wide
        ),
        "cure": ipw.Dropdown(options=_CURES, description="Cross-vCPU", **wide),
    }

"""The workbench: controls that build a scenario live; its text is the whole state."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import ipywidgets as ipw
import traitlets

from xenexplore.errors import XenexploreError
from xenexplore.guest.buffers import KINDS
from xenexplore.guest.spec import ENCRYPTIONS, GUEST_TYPES, KERNELS
from xenexplore.options.registry import OPTIONS
from xenexplore.render.text.comparison import comparison_text
from xenexplore.scenario.loader import parse_scenario
from xenexplore.scenario.recipes import CALLS, Choices, recipe_text
from xenexplore.scenario.run import compare, run
from xenexplore.widgets.comparison import ComparisonView
from xenexplore.widgets.form import Form
from xenexplore.widgets.keys import FORM_CLASS
from xenexplore.widgets.stepper import Stepper

__all__ = ["Workbench"]

_WIDE = {"description_width": "8.5em"}
_REGISTRATIONS = ("directmap", "kernel-image", "percpu", "stack", "buffer:buffer")
_PLACES = tuple(kind for kind in KINDS if kind != "fixed")


class Workbench(Form):
    """Choose a guest, a buffer, a call and an option; step through what comes of it.

    The scenario's text is the whole state: what the controls say is written
    there, what is typed there is run, and :attr:`text` can be mailed.

    Args:
        text: a scenario to begin with; by default what the controls say at first.
        choices: what the controls say at first.

    Attributes:
        text: the scenario, as text.
    """

    text = traitlets.Unicode()

    def __init__(self, text: str | None = None, *, choices: Choices | None = None) -> None:
        self._choices = choices or Choices()
        self._quiet = False
        self._controls = self._make_controls()
        self._area = ipw.Textarea(
            layout=ipw.Layout(width="auto", height="35em"),
            placeholder="a scenario, as text",
            tooltip="the scenario's text: edit it, then leave the field",
            continuous_update=False,
        )
        self._area.add_class("xe-scenario-text")
        self._compare = ipw.ToggleButtons(
            options=[("one option", False), ("all options", True)], value=False
        )
        self._code = ipw.Button(description="Python", tooltip="the Python that does the same")
        bar = ipw.HBox([self._compare, self._code], layout=ipw.Layout(align_items="baseline"))
        controls = ipw.VBox(list(self._controls.values()), layout=ipw.Layout(min_width="24em"))
        right = ipw.VBox([self._area], layout=ipw.Layout(flex="1 1 24em", min_width="0"))
        top = ipw.HBox([controls, right], layout=ipw.Layout(flex_flow="row wrap", grid_gap="0 1em"))
        super().__init__([top, bar])
        self.add_class(FORM_CLASS)
        for control in self._controls.values():
            control.observe(self._chosen, "value")
        self._area.observe(lambda change: self.set_trait("text", change["new"]), "value")
        self._compare.observe(lambda _: self._show(), "value")
        self._code.on_click(lambda _: self._say(self.code()))
        self.observe(lambda _: self._loaded(), "text")
        self.text = text if text is not None else recipe_text(self._choices)

    def _make_controls(self) -> dict[str, Any]:
        start = self._choices
        wide = {"style": _WIDE, "layout": ipw.Layout(width="23em")}
        return {
            "guest": ipw.Dropdown(
                options=GUEST_TYPES, value=start.guest, description="Guest", **wide
            ),
            "kernel": ipw.Dropdown(
                options=KERNELS, value=start.kernel, description="Kernel", **wide
            ),
            "encryption": ipw.Dropdown(
                options=ENCRYPTIONS, value=start.encryption, description="Encryption", **wide
            ),
            "vcpus": ipw.BoundedIntText(
                value=start.vcpus, min=1, max=8, description="vCPUs", **wide
            ),
            "p2m": ipw.Dropdown(
                options=("4K", "2M", "1G"), value=start.p2m, description="P2M pages", **wide
            ),
            "call": ipw.Dropdown(
                options=tuple(CALLS), value=start.call, description="Hypercall", **wide
            ),
            "place": ipw.Dropdown(
                options=_PLACES, value=start.place, description="Buffer lives in", **wide
            ),
            "count": ipw.BoundedIntText(
                value=start.count, min=1, max=2000, description="Elements", **wide
            ),
            "offset": ipw.BoundedIntText(
                value=-1 if start.offset is None else start.offset,
                min=-1,
                max=4095,
                description="Page offset",
                tooltip="-1: where the allocator would put it",
                **wide,
            ),
            "shared": ipw.Checkbox(
                value=start.shared, description="buffers shared with Xen", **wide
            ),
            "option": ipw.Dropdown(
                options=tuple(OPTIONS), value=start.options[0][0], description="Option", **wide
            ),
            "register": ipw.SelectMultiple(
                options=_REGISTRATIONS, rows=5, description="Registered", **wide
            ),
            "cure": ipw.Dropdown(
                options=("current", "subject", "deferred"), description="Cross-vCPU", **wide
            ),
        }

    def _chosen(self, _change: object) -> None:
        """A control was used: the text says what the controls say."""
        if self._quiet:
            return
        value = {name: control.value for name, control in self._controls.items()}
        option = value["option"]
        known = {parameter.name for parameter in OPTIONS[option].parameters}
        params: list[tuple[str, object]] = []
        if "register" in known and value["register"]:
            params.append(("register", value["register"]))
        if "cross_vcpu" in known and value["cure"] != "current":
            params.append(("cross_vcpu", value["cure"]))
        others = () if option == "linear-walk" else (("linear-walk", ()),)
        self._choices = replace(
            self._choices,
            guest=value["guest"],
            kernel=value["kernel"],
            encryption=value["encryption"],
            vcpus=value["vcpus"],
            p2m=value["p2m"],
            call=value["call"],
            place=value["place"],
            count=value["count"],
            offset=None if value["offset"] < 0 else value["offset"],
            shared=value["shared"],
            options=((option, tuple(params)), *others),
        )
        self.text = recipe_text(self._choices)

    def _loaded(self) -> None:
        """The text has changed, by whatever hand: show it and run it."""
        self._quiet = True
        self._area.value = self.text
        self._quiet = False
        self._show()

    def _show(self) -> None:
        self._say("")
        try:
            scenario = parse_scenario(self.text, "the scenario")
            view: Stepper | ComparisonView
            if self._compare.value:
                view = ComparisonView(compare(scenario))
            else:
                view = Stepper(run(scenario))
        except XenexploreError as error:
            self._say(str(error))
            return
        self._put(view)

    def code(self) -> str:
        """The Python that shows the same."""
        shown = (
            "xe.ComparisonView(xe.compare(scenario))"
            if self._compare.value
            else ("xe.Stepper(xe.run(scenario))")
        )
        quoted = self.text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
        return f'import xenexplore as xe\n\nscenario = xe.parse("""\n{quoted}""")\n{shown}\n'

    def scenario_python(self) -> str:
        """The scenario is the text that stands below the picture."""
        return "scenario = xe.parse(text)  # the text that stands below\n"

    def __repr__(self) -> str:
        return f"<Workbench {self._view!r}>"

    def static_text(self) -> str:
        """The scenario's text, with what came of it."""
        try:
            outcome = comparison_text(compare(parse_scenario(self.text, "the scenario")))
        except XenexploreError as error:
            outcome = str(error)
        return f"{self.text}\n{outcome}"

"""The workbench: controls that build a scenario live; its text is the whole state."""

from __future__ import annotations

import ipywidgets as ipw
import traitlets

from xenexplore.errors import XenexploreError
from xenexplore.render.text.run.comparison import comparison_text
from xenexplore.scenario.model.step_note import StepNote
from xenexplore.scenario.run.comparison import Comparison
from xenexplore.scenario.run.runner import compare, run
from xenexplore.scenario.run.trace import Trace
from xenexplore.scenario.text.loader import parse_scenario
from xenexplore.scenario.text.notes import with_notes
from xenexplore.scenario.text.recipes import (
    Choices,
    choices_of,
    every_option,
    nearest_choices,
    recipe_text,
)
from xenexplore.widgets.controls import Controls
from xenexplore.widgets.form import Form
from xenexplore.widgets.keys import FORM_CLASS
from xenexplore.widgets.stepper import Stepper

__all__ = ["Workbench"]

_BY_HAND = (
    "The text contains more than the controls can show: the text is run, and the controls are "
    "grey. “From controls” rewrites the text from them; “Undo” restores it."
)
_MOST_TEXTS = 200  # that can be undone


class Workbench(Form):
    """Choose a guest, a buffer, a call and an option, and step through the run.

    The scenario's text is the whole state: the controls write it, typed text is run, and
    :attr:`text` can be mailed. A text that the controls can express sets them; any other text
    disables them. No text is lost: :meth:`undo` restores the previous one, :meth:`redo` the next
    one.

    Args:
        text: the initial scenario; by default that of the controls.
        choices: the initial state of the controls.

    Attributes:
        text: the scenario, as text.

    Raises:
        MachineError: the controls cannot express these choices.
    """

    text = traitlets.Unicode()

    def __init__(self, text: str | None = None, *, choices: Choices | None = None) -> None:
        self._quiet = False
        self._noting = False
        self._noted_of: Stepper | None = None
        self._texts: list[str] = []
        self._at = 0
        self._controls = Controls(choices or Choices())
        self._area = ipw.Textarea(
            layout=ipw.Layout(width="auto", height="35em"),
            placeholder="a scenario, as text",
            tooltip="the scenario's text: edit it; Ctrl+Enter, or leaving the field, runs it",
            continuous_update=False,
        )
        self._area.add_class("xe-scenario-text")
        self._by_hand = ipw.HTML()
        controls = ipw.VBox(
            list(self._controls.widgets.values()), layout=ipw.Layout(min_width="24em")
        )
        self._undo = ipw.Button(description="Undo", tooltip="the previous text")
        self._redo = ipw.Button(description="Redo", tooltip="the next text")
        self._anew = ipw.Button(
            description="From controls", tooltip="rewrite the text from the controls"
        )
        self._undo.on_click(lambda _: self.undo())
        self._redo.on_click(lambda _: self.redo())
        self._anew.on_click(lambda _: self._chosen())
        texts = ipw.HBox(
            [self._undo, self._redo, self._anew], layout=ipw.Layout(flex_flow="row wrap")
        )
        right = ipw.VBox(
            [self._area, texts, self._by_hand], layout=ipw.Layout(flex="1 1 24em", min_width="0")
        )
        top = ipw.HBox([controls, right], layout=ipw.Layout(flex_flow="row wrap", grid_gap="0 1em"))
        super().__init__([top, self._make_bar()])
        self.add_class(FORM_CLASS)
        self._controls.observe(lambda _: self._chosen())
        self._area.observe(lambda change: self.set_trait("text", change["new"]), "value")
        self.text = text if text is not None else recipe_text(self._controls.choices())
        self.observe(lambda _: self._loaded(), "text")
        self._loaded()

    def _chosen(self) -> None:
        """A control was used: the text says what the controls say."""
        if self._quiet:
            return
        self._controls.grey()
        try:
            text = recipe_text(self._controls.choices())
        except XenexploreError as error:
            self._say(str(error))
            return
        labels = ("", *(option.label for option in parse_scenario(text).options))
        text = with_notes(text, [note for note in self._notes() if note.option in labels])
        if text == self.text:
            self._say("")
        self.text = text

    def _loaded(self) -> None:
        """The text has changed, by whatever hand: show it, set the controls by it, and run it."""
        self._remember()
        self._quiet = True
        self._area.value = self.text
        found = choices_of(with_notes(self.text, ()))
        said = found is not None and self._controls.show(found)
        if not said:
            # They show what of the text they can, and are used through the button only.
            nearest = nearest_choices(self.text)
            if nearest is not None:
                self._controls.show(nearest)
            self._controls.grey_all()
        self._anew.disabled = said
        self._by_hand.value = "" if said else f"<p class='xe-by-hand'>{_BY_HAND}</p>"
        self._quiet = False
        if not self._noting:
            self._show()

    def _notes(self) -> tuple[StepNote, ...]:
        """The bookmarks and notes of the text."""
        try:
            return parse_scenario(self.text).notes
        except XenexploreError:
            return ()

    def _put(self, made: Trace | Comparison) -> None:
        super()._put(made)
        if isinstance(self._view, Stepper) and self._view is not self._noted_of:
            self._noted_of = self._view
            self._view.observe(lambda _: self._noted(), "marks")

    def _noted(self) -> None:
        """A step was marked in the view: the text has it, and what is on show stays."""
        view = self._view
        if not isinstance(view, Stepper) or self.failed:
            return
        label, notes = view.trace.option.label, self._notes()
        before = [note for note in notes if note.option in ("", label)]
        if sorted((note.at, note.text) for note in before) == sorted(map(tuple, view.marks)):
            return
        others = [note for note in notes if note not in before]
        self._noting = True
        self.text = with_notes(self.text, [*others, *view.notes])
        self._noting = False

    def _remember(self) -> None:
        """Keep the text, in place of what was undone before it."""
        if not self._texts or self._texts[self._at] != self.text:
            self._texts = [*self._texts[: self._at + 1], self.text][-_MOST_TEXTS:]
            self._at = len(self._texts) - 1
        self._undo.disabled = self._at == 0
        self._redo.disabled = self._at == len(self._texts) - 1

    def undo(self) -> None:
        """Return to the previous text; the first one stays."""
        self._go_to(self._at - 1)

    def redo(self) -> None:
        """Return to the text that was undone, if no other was entered since."""
        self._go_to(self._at + 1)

    def _go_to(self, at: int) -> None:
        if 0 <= at < len(self._texts):
            self._at = at
            self.text = self._texts[at]

    def _made(self) -> Trace | Comparison:
        if self._compare.value:
            return compare(parse_scenario(every_option(self.text), "the scenario"))
        return run(parse_scenario(self.text, "the scenario"))

    def code(self) -> str:
        """The equivalent Python."""
        shown = (
            "xe.ComparisonView(xe.compare(scenario))"
            if self._compare.value
            else "xe.Stepper(xe.run(scenario))"
        )
        try:
            text = every_option(self.text) if self._compare.value else self.text
        except XenexploreError:
            text = self.text  # which does not run, and says why
        quoted = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
        return f'import xenexplore as xe\n\nscenario = xe.parse("""\n{quoted}""")\n{shown}\n'

    def scenario_python(self) -> str:
        """Python for the scenario whose text is below the picture."""
        return "scenario = xe.parse(text)  # the text below\n"

    def __repr__(self) -> str:
        return f"<Workbench {self._view!r}>"

    def static_text(self) -> str:
        """The scenario's text and its result."""
        try:
            outcome = comparison_text(compare(parse_scenario(self.text, "the scenario")))
        except XenexploreError as error:
            outcome = str(error)
        return f"{self.text}\n{outcome}"

"""The recording browser: filter recorded hypercalls, pick one, step it under any option."""

from __future__ import annotations

import textwrap

import ipywidgets as ipw

from xenexplore.errors import RecordingError
from xenexplore.options.registry import OPTIONS
from xenexplore.recording.contents.call_index import CallIndex
from xenexplore.recording.conversion.to_scenario import to_scenario_and_run
from xenexplore.recording.format.columns import Recording
from xenexplore.recording.format.reader import read_recording
from xenexplore.scenario.model.scenario import Scenario
from xenexplore.scenario.run.comparison import Comparison
from xenexplore.scenario.run.runner import compare, run
from xenexplore.scenario.run.trace import Trace
from xenexplore.scenario.text.writer import write_scenario
from xenexplore.widgets.call_list import CallList
from xenexplore.widgets.form import Form
from xenexplore.widgets.keys import FORM_CLASS

__all__ = ["RecordingBrowser"]

ANY = ("any", "")  # ipywidgets takes None for "nothing is chosen", and shows a blank


class RecordingBrowser(Form):
    """Browse recorded hypercalls: choose one, and step through it under an option.

    Args:
        recording: a recording, a file, or a built-in's name (``"pvh"``, ``"pv"``).

    Raises:
        RecordingError: the file is not a recording.
    """

    def __init__(self, recording: Recording | str = "pvh") -> None:
        if isinstance(recording, str):
            recording = read_recording(recording)
        self.recording = recording
        self.index = CallIndex(recording)
        self._scenario: Scenario | None = None
        self._today: Trace  # what came of it under today's interface
        self._row = 0
        wide = {"style": {"description_width": "7em"}, "layout": ipw.Layout(width="26em")}
        domains = [(f"{domain.name} ({domain.kind})", domain.name) for domain in recording.domains]
        self._domain = ipw.Dropdown(options=[ANY, *domains], description="Domain", **wide)
        self._name = ipw.Dropdown(options=[ANY], description="Hypercall", **wide)
        self._region = ipw.Dropdown(options=[ANY], description="Buffers in", **wide)
        self._option = ipw.Dropdown(
            options=[n for n, o in OPTIONS.items() if o.specified], description="Option", **wide
        )
        self._calls = CallList(self.index)
        self._text = ipw.Button(
            description="Scenario", tooltip="the call as a scenario's text: copy it, mail it"
        )
        filters = ipw.VBox([self._domain, self._name, self._region, self._option])
        top = ipw.HBox([filters, self._calls], layout=ipw.Layout(flex_flow="row wrap"))
        super().__init__([top, self._make_bar(self._text)])
        self.add_class(FORM_CLASS)
        self._domain.observe(lambda _: self._renamed(), "value")
        for control in (self._name, self._region):
            control.observe(lambda _: self._found(), "value")
        self._calls.observe(lambda _: self._load(self._calls.value), "value")
        self._option.observe(lambda _: self._show(), "value")
        self._text.on_click(lambda _: self._say_or_hide(self.text or "No call is chosen."))
        self._renamed()
        if len(recording.calls):
            self.pick(0)

    def _renamed(self) -> None:
        """Another domain: its own hypercalls and regions to choose from."""
        domain = self._domain.value or None
        for control, counts in (
            (self._name, self.index.names(domain)),
            (self._region, self.index.regions(domain)),
        ):
            kept = control.value
            control.options = [
                ANY,
                *((f"{name} ({count:,})", name) for name, count in counts.items()),
            ]
            control.value = kept if kept in counts else ""
        self._found()

    def _found(self) -> None:
        rows = self.index.find(
            domain=self._domain.value or None,
            name=self._name.value or None,
            region=self._region.value or None,
        )
        self._calls.fill(rows)
        if len(rows) and self._calls.place < 0:
            self._calls.choose(int(self._calls.rows[0] if len(self._calls.rows) else rows[0]))

    def pick(self, row: int) -> None:
        """Choose a call by its row in the recording's calls, and show it in the list.

        Raises:
            RecordingError: there is no such row.
        """
        calls = self.recording.calls
        if not 0 <= row < len(calls):
            rows = f"a row from 0 to {len(calls) - 1}" if len(calls) else "a call to pick"
            raise RecordingError(self.recording.source, "", expected=rows, got=str(row))
        if row not in self._calls.rows:  # the filters leave it out
            self._calls.query = ""
            self._domain.value = self._name.value = self._region.value = ""
        self._calls.choose(row)  # and that loads it

    def _load(self, row: int) -> None:
        if row < 0:
            return
        self._row = row
        self._scenario = None
        self._show()

    def _made(self) -> Trace | Comparison:
        if not len(self.recording.calls):
            raise RecordingError(
                self.recording.source, "", expected="a recording with hypercalls", got="none"
            )
        if self._scenario is None:
            self._scenario, self._today = to_scenario_and_run(self.recording, self._row)
        if self._compare.value:
            return compare(self._scenario, self._option.options)
        if self._option.value == self._today.option.label:
            return self._today
        return run(self._scenario, self._option.value)

    @property
    def text(self) -> str:
        """The chosen call as a scenario's text, or ``""``."""
        return "" if self._scenario is None else write_scenario(self._scenario)

    def scenario_python(self) -> str:
        """The chosen call as a scenario."""
        return f'scenario = xe.scenario_from("{self.recording.source}", row={self._row})\n'

    def code(self) -> str:
        """The equivalent Python."""
        if self._view is None or self.failed:
            return f"# nothing is shown: {self.failed or 'no call is chosen'}\n"
        return f"import xenexplore as xe\n{self.scenario_python()}{self._view.python()}\n"

    def __repr__(self) -> str:
        return f"<RecordingBrowser {self.recording.source}: {self._view!r}>"

    def static_text(self) -> str:
        """The chosen call's trace, or the first calls of the recording."""
        lines = [f"Recording {self.recording.source}: {len(self.recording.calls):,} hypercalls"]
        if self.failed:
            return "\n".join([*lines, "", *textwrap.wrap(self.failed, 72)]) + "\n"
        if self._view is not None:
            return lines[0] + "\n\n" + self._view.text()
        lines += [str(self.index.call(row)) for row in range(min(8, len(self.index.find())))]
        return "\n".join(line[:72] for line in lines) + "\n"

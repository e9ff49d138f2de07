"""The explorer: linked views of a session, which follow its objects as cells run."""

from __future__ import annotations

import html
from typing import Self

import ipywidgets as ipw

from xenexplore.errors import MachineError
from xenexplore.render.text.run.trace import trace_text
from xenexplore.render.text.sheet import lines_text
from xenexplore.render.views.session_now import buffer_of_keys, buffer_of_step, now_sheet
from xenexplore.render.web.sheet_html import tables_html
from xenexplore.scenario.run.trace import Trace
from xenexplore.session.xen import Xen
from xenexplore.widgets.form import Form
from xenexplore.widgets.keys import FORM_CLASS
from xenexplore.widgets.session_tables import SessionTables
from xenexplore.widgets.stepper import Stepper

__all__ = ["Explorer"]

_NONE = "no buffer"
_MOST_ROWS = 6


class Explorer(Form):
    """Live views of a session at the prompt: map, registered buffers, path, page tables.

    Each operation on the guest or on Xen appears here after its cell has run: a hypercall at its
        first step, a registration on the map and in its table, a remapped buffer with its entries
        marked stale. Going to a step selects its buffer; picking a buffer on the map, or an entry
        that covers one, selects it in the list, and vice versa; the selected buffer's page-table
        entries are shown. With ``play``, the steps of each operation play after its cell has run
        (not if the browser asks for reduced motion; Space stops). The explorer keeps records of the
        session until it is closed.

    Args:
        xen: the session.
        play: whether the steps of an operation play by themselves.

    Attributes:
        trace: what is on show: everything so far.
    """

    _view: Stepper | None = None

    def __new__(cls, xen: object, *, play: bool = True) -> Self:  # noqa: ARG004
        """Refuse what is not a session before there is a widget to close."""
        if not isinstance(xen, Xen):
            raise MachineError(f"{xen!r} is not a session: expected xe.Xen(guest, design=...)")
        made: Self = super().__new__(cls)
        return made

    def __init__(self, xen: Xen, *, play: bool = True) -> None:
        self._xen = xen
        self._quiet = False
        self._open = True
        self._head = ipw.HTML()
        self._choice = ipw.Select(
            options=[_NONE], description="Buffer", rows=1,
            tooltip="whose page-table entries and registered ranges are marked below",
        )  # fmt: skip
        undo = ipw.Button(description="Undo", tooltip="undo the last operation")
        text = ipw.Button(description="Scenario", tooltip="the text that replays this session")
        self._play = ipw.Checkbox(
            value=play, description="Play", indent=False, layout=ipw.Layout(width="auto"),
            tooltip="play the steps of each operation when its cell has run; Space stops",
        )  # fmt: skip
        bar = ipw.HBox(
            [self._choice, undo, text, self._play], layout=ipw.Layout(flex_flow="row wrap")
        )
        self._now = SessionTables()
        super().__init__([self._head, bar], below=[self._now])
        self.add_class(FORM_CLASS)
        undo.on_click(lambda _: self._undone())
        text.on_click(lambda _: self._say_or_hide(xen.scenario().text()))
        self._choice.observe(lambda _: self._chosen(), "value")
        self._now.observe(lambda change: self._picked(change["new"]), "chosen")
        xen.watch(self._changed)
        self._changed(0)

    @property
    def trace(self) -> Trace:
        """Everything that the session has recorded so far."""
        return self._xen.trace if self._view is None else self._view.trace

    @property
    def step(self) -> int | None:
        """The step on show, from 0, or None while there is none; set it to move the view."""
        return None if self._view is None else int(self._view.step)

    @step.setter
    def step(self, step: int) -> None:
        if self._view is None:
            raise MachineError("nothing has been recorded yet: there is no step to go to")
        self._view.step = step

    @property
    def buffer(self) -> str:
        """Name of the buffer that is selected, or ``""``; set it to select another."""
        return "" if self._choice.value == _NONE else str(self._choice.value)

    @buffer.setter
    def buffer(self, name: str) -> None:
        if name and name not in self._xen.guest.domain.buffers:
            raise MachineError(f"no buffer {name!r}")
        self._choice.value = name or _NONE

    def _changed(self, before: int) -> None:
        """The session has done something: show it from its first step."""
        if not self._open:
            return
        self._head.value = f"<code>{html.escape(repr(self._xen))}</code>"
        self._quiet = True
        names = [_NONE, *self._xen.guest.domain.buffers]
        if list(self._choice.options) != names:
            held = self._choice.value
            self._choice.options = names
            self._choice.rows = min(len(names), _MOST_ROWS)
            self._choice.value = held if held in names else _NONE
        self._go_to(self._xen.trace, before)
        self._stepped()
        self._quiet = False
        self._paint()
        if before < len(self.trace) - 1 and self._view is not None and self._play.value:
            self._view.plays += 1

    def _go_to(self, trace: Trace, step: int) -> None:
        """Show a trace from a step on, in the view that is there; one without steps has none."""
        view, step = self._view, min(step, len(trace) - 1)
        if view is not None and len(trace):
            view.show(trace, step=step)
            return
        self._view = None
        if len(trace):
            self._view = Stepper(trace, step=step)
            self._view.observe(lambda _: self._stepped(), "step")
            self._view.observe(lambda change: self._picked(change["new"]), "chosen")
        self._shown.children = () if self._view is None else (self._view,)
        if view is not None:
            view.close()

    def _stepped(self) -> None:
        if self._view is None:
            return
        name = buffer_of_step(self._xen, self._view.trace.steps, self._view.step)
        if name:
            self._choice.value = name

    def _chosen(self) -> None:
        if not self._quiet:
            self._paint()

    def _picked(self, keys: str) -> None:
        """A buffer that is picked is selected in every view; anything else is only highlighted."""
        name = buffer_of_keys(self._xen, keys)
        if name:
            self._choice.value = name
        self._mark(f"buf:{name}" if name else keys)

    def _mark(self, keys: str) -> None:
        """Pick it in the view and in the tables."""
        self._now.chosen = keys
        if self._view is not None:
            self._view.chosen = keys

    def _paint(self) -> None:
        self._mark(f"buf:{self.buffer}" if self.buffer else "")
        self._now.value = tables_html(now_sheet(self._xen, self.buffer), linked=True)

    def _undone(self) -> None:
        try:
            self._xen.undo()
        except MachineError as error:
            self._say_or_hide(str(error))

    def text(self) -> str:
        """The session at 72 columns: its trace, and what is mapped and registered now."""
        return trace_text(self.trace) + "\n" + lines_text(now_sheet(self._xen))

    def static_text(self) -> str:
        return self.text()

    def scenario_python(self) -> str:
        return ""

    def __repr__(self) -> str:
        return f"<Explorer of {self._xen!r}>"

    def close(self) -> None:
        """Close the views; the session itself remains."""
        self._open = False
        super().close()

"""Base of the lab's forms: controls above, a message, one view below, and a clean end."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import ipywidgets as ipw

from xenexplore.errors import XenexploreError
from xenexplore.render.web.still import text_html
from xenexplore.scenario.run.comparison import Comparison
from xenexplore.scenario.run.trace import Trace
from xenexplore.widgets.base import TraceWidget
from xenexplore.widgets.comparison import ComparisonView
from xenexplore.widgets.keys import KeepKeys
from xenexplore.widgets.stepper import Stepper

__all__ = ["Form", "close_whole"]


class Form(ipw.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """Controls, and the view of a trace that they decide about.

    Args:
        controls: what stands above the view, in order.
        below: what stands under it.
    """

    _view: TraceWidget | None = None

    #: Why what the controls ask for cannot be shown; the view is of what was asked before.
    failed = ""

    def __init__(self, controls: Sequence[ipw.Widget], below: Sequence[ipw.Widget] = ()) -> None:
        self._message = ipw.HTML()
        self._shown = ipw.Box(layout=ipw.Layout(width="100%", display="block"))
        super().__init__([*controls, self._message, self._shown, *below, KeepKeys()])

    def _make_bar(self, *more: ipw.Widget) -> ipw.HBox:
        """One option or all of them, and buttons: the Python that does the same, and ``more``."""
        self._compare = ipw.ToggleButtons(
            options=[("one option", False), ("all options", True)], value=False
        )
        self._code = ipw.Button(description="Python", tooltip="the Python that does the same")
        self._compare.observe(lambda _: self._show(), "value")
        self._code.on_click(lambda _: self._say_or_hide(self.code()))
        return ipw.HBox(
            [self._compare, self._code, *more],
            layout=ipw.Layout(align_items="baseline", flex_flow="row wrap"),
        )

    def _made(self) -> Trace | Comparison:
        """View that the controls ask for.

        Raises:
            XenexploreError: it cannot be; says why.
        """
        raise NotImplementedError

    def _show(self) -> None:
        """Show what the controls ask for; a failure is shown, and the earlier view goes grey."""
        before = self._view
        if before is not None:
            before.busy = True
        try:
            made = self._made()
        except XenexploreError as error:
            self.failed = str(error)
            self._shown.add_class("xe-stale")
        else:
            self.failed = ""
            self._shown.remove_class("xe-stale")
            self._put(made)
        finally:
            if before is not None and before is self._view:
                before.busy = False
        self._say(self.failed)

    def code(self) -> str:
        """The equivalent Python."""
        raise NotImplementedError

    def _put(self, made: Trace | Comparison) -> None:
        """Show a run, or several side by side: in the view that is there, if it is of that kind."""
        view = self._view
        if isinstance(made, Comparison):
            if isinstance(view, ComparisonView):
                view.show(made)
                return
            self._view = ComparisonView(made)
        else:
            if isinstance(view, Stepper):
                view.show(made)
                return
            self._view = Stepper(made)
        self._shown.children = (self._view,)
        if view is not None:
            view.close()

    def _say(self, message: str) -> None:
        self._message.value = f"<pre role='status'>{html.escape(message)}</pre>" if message else ""

    def _say_or_hide(self, message: str) -> None:
        """Show the text of a button; pressed again, hide it."""
        before = self._message.value
        self._say(message)
        if self._message.value == before:
            self._say("")

    def static_text(self) -> str:
        """Text for a reader without a kernel, at 72 columns."""
        raise NotImplementedError

    def scenario_python(self) -> str:
        """The Python that makes ``scenario``, whose view is on show."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """The live form; for readers without a kernel the picture of its view, and the text."""
        bundle = super()._repr_mimebundle_(**kwargs)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle or {}, {})
        text = self.static_text()
        view = None if self.failed else self._view
        still = "" if view is None else view.still(self.scenario_python())
        shown = {"text/plain": text, "text/html": still + text_html(text)}
        return {**data, **shown}, metadata

    def close(self) -> None:
        """End the form and every widget that it is made of."""
        if self._view is not None:
            self._view.close()
            self._view = None
        _close_children(self)
        layout = self.layout
        super().close()
        layout.close()


def _close_children(box: Any) -> None:
    """Close the widgets of a box, innermost first, with their layouts and styles."""
    for child in getattr(box, "children", ()):
        close_whole(child)


def close_whole(widget: ipw.Widget) -> None:
    """Close a widget with what is in it and its layouts and styles."""
    _close_children(widget)
    for part in ("layout", "style"):
        held = getattr(widget, part, None)
        if isinstance(held, ipw.Widget):
            held.close()
    widget.close()

"""Base of the lab's stepping widgets: one ES module, data sent once, a fallback in every bundle."""

from __future__ import annotations

from typing import Any

import traitlets

from xenexplore.render.web.page import web_module, web_style
from xenexplore.render.web.still import folded_html, picture_html, text_html
from xenexplore.scenario.run.comparison import Comparison
from xenexplore.scenario.run.trace import Trace
from xenexplore.widgets.late_module import LateModule
from xenexplore.widgets.share import shared_file, shared_link

__all__ = ["TraceWidget"]


class TraceWidget(LateModule):
    """A view that steps in the browser.

    The data goes to the browser once, as text in one trait; after that only
    the step travels, both ways, until something else is shown.  It travels as
    :attr:`position`, which says who went there: a view in a browser is the
    authority over its own steps, until the kernel sets one or shows another run.

    Attributes:
        step: the step on show, from 0; set it to move the view.
        position: ``step``; ``turn``, how often the kernel has said where to
            stand; ``by``, which view has gone on since (``""``: none), and its
            ``seq``-th step.  A view's step in an earlier turn is not obeyed.
        code: the Python that shows the same, as the view itself tells it.
        chosen: what is picked in the view, as its keys (``"buf:send"``); set it to pick.
        plays: how often the kernel has asked the view to play on from its step.
        busy: whether the kernel is making what comes next; a view says so after 100 ms.

    Raises:
        TraitError: a step before the first one.
    """

    _css = web_style()

    module = traitlets.Unicode(web_module()).tag(sync=True)
    data = traitlets.Unicode().tag(sync=True)
    step = traitlets.Int(0)
    position = traitlets.Dict().tag(sync=True)
    code = traitlets.Unicode().tag(sync=True)
    chosen = traitlets.Unicode().tag(sync=True)
    plays = traitlets.Int(0).tag(sync=True)
    busy = traitlets.Bool(False).tag(sync=True)

    #: What the view shows, in a few words: for ``repr`` and for readers without a picture.
    _title = ""
    _first = 0
    _last = 0
    _turn = 0
    _heard_step: int | None = None

    def __init__(self, **traits: Any) -> None:
        self._agreed = self._position(traits.get("step", 0))
        super().__init__(position=self._agreed, **traits)
        self.on_msg(self._asked)

    def _asked(self, _widget: object, content: object, _buffers: object) -> None:
        """A view asks for what it shows, to give it away: text and picture, a link, or a file."""
        asked = content.get("share") if isinstance(content, dict) else None
        if asked == "link":
            self.send({"share": shared_link(self.shown(), self.step)})
        elif asked == "html":
            self.send({"share": shared_file(self.shown())})
        elif asked:
            self.send({"share": {"text": self.text(), "svg": self.svg()}})

    def shown(self) -> Trace | Comparison:
        """The run or the comparison on show."""
        raise NotImplementedError

    @traitlets.validate("step")
    def _within(self, proposal: dict[str, Any]) -> int:
        self._validate_step(proposal["value"], self._last)
        return min(int(proposal["value"]), self._last)

    def _validate_step(self, step: int, last: int) -> None:
        if step < self._first:
            raise traitlets.TraitError(f"step: expected {self._first} to {last}, got {step}")

    def _position(self, step: int) -> dict[str, Any]:
        return {"turn": self._turn, "step": step, "by": "", "seq": 0}

    @traitlets.validate("position")
    def _of_this_turn(self, proposal: dict[str, Any]) -> dict[str, Any]:
        """The position, or the one agreed on, where it comes from a turn that is over."""
        told: dict[str, Any] = proposal["value"]
        if told.get("turn") == self._turn:
            self._agreed = told
        return self._agreed

    @traitlets.observe("position")
    def _heard(self, change: dict[str, Any]) -> None:
        told = change["new"]
        if told["by"]:
            self._heard_step = told["step"]
            self.step = told["step"]
            self._heard_step = None

    @traitlets.observe("step")
    def _stepped(self, change: dict[str, Any]) -> None:
        """A step that no view has told was set here: every view has to go there."""
        if change["new"] != self._heard_step:
            self._begin_turn()

    def _begin_turn(self) -> None:
        self._turn += 1
        self.position = self._position(self.step)

    def _put(self, traits: dict[str, Any]) -> None:
        """Put other data on show, made by now, in place of what is there: one message."""
        with self.hold_sync():
            for name, value in traits.items():
                self.set_trait(name, value)
            self.busy = False
            # Even where the step is the same here: a view may have gone on meanwhile.
            self._begin_turn()

    def text(self) -> str:
        """The view as 72-column text."""
        raise NotImplementedError

    def svg(self) -> str:
        """The view as a still picture."""
        raise NotImplementedError

    def python(self) -> str:
        """The line of Python that the still view stands for."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._title}, step {self.step}>"

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """The live view; for readers who have no kernel, a picture, its Python, and the text."""
        bundle = super()._repr_mimebundle_(**kwargs)
        assert bundle is not None, "a widget that is open has a view"
        data, metadata = bundle
        text = self.text()
        shown = {
            "text/plain": text,
            "text/html": self.still() + folded_html(text),
        }
        return {**data, **shown}, metadata

    def still(self, before: str = "") -> str:
        """The picture as HTML, and under it the line of Python that shows the live view.

        Args:
            before: Python that has to stand before that line, or ``""``.
        """
        return picture_html(self.svg(), self._title) + text_html(before + self.python())

    def close(self) -> None:
        """End the view and give back everything it holds, its layout included."""
        layout = self.layout
        super().close()
        if layout is not None:
            layout.close()

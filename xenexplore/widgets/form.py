"""What the lab's forms share: controls above, a message, one view below, and a clean end."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import ipywidgets as ipw

from xenexplore.widgets.base import PathWidget
from xenexplore.widgets.keys import KeepKeys

__all__ = ["Form"]


class Form(ipw.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """Controls, and the view of a path that they decide about.

    Args:
        controls: what stands above the view, in order.
    """

    def __init__(self, controls: Sequence[ipw.Widget]) -> None:
        self._view: PathWidget | None = None
        self._message = ipw.HTML()
        self._shown = ipw.Box(layout=ipw.Layout(width="100%", display="block"))
        super().__init__([*controls, self._message, self._shown, KeepKeys()])

    def _put(self, view: PathWidget) -> None:
        """Show a view in place of the one before, which ends."""
        before, self._view = self._view, view
        self._shown.children = (view,)
        if before is not None:
            before.close()

    def _say(self, message: str) -> None:
        self._message.value = f"<pre role='status'>{html.escape(message)}</pre>" if message else ""

    def static_text(self) -> str:
        """What a reader without a kernel sees instead, at 72 columns."""
        raise NotImplementedError

    def scenario_python(self) -> str:
        """The Python that makes ``scenario``, whose view is on show."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """The live form; for readers without a kernel the picture of its view, and the text."""
        bundle = super()._repr_mimebundle_(**kwargs)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle or {}, {})
        text = self.static_text()
        still = self._view.still(self.scenario_python()) if self._view is not None else ""
        shown = {"text/plain": text, "text/html": f"{still}<pre>{html.escape(text)}</pre>"}
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
        _close_children(child)
        for part in ("layout", "style"):
            held = getattr(child, part, None)
            if isinstance(held, ipw.Widget):
                held.close()
        child.close()

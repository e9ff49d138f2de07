"""Base of everything that is drawn in the lab: a module that is imported when it is drawn."""

from __future__ import annotations

from pathlib import Path

import anywidget
import traitlets

__all__ = ["LateModule"]


class LateModule(anywidget.AnyWidget):
    """A widget whose module is imported once for a page, and only when a view is drawn.

    anywidget's own way, the module as ``_esm``, imports it for each widget as soon as the
    kernel has made it, and a widget for which that takes over two seconds hears nothing from
    the kernel afterwards (``late_module.js`` says how that is, and mends it).

    Attributes:
        module: the ES module; its default export has ``render({model, el})``.
        drawn: how many views have been drawn.
    """

    _esm = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")

    module = traitlets.Unicode().tag(sync=True)
    drawn = traitlets.Int(0).tag(sync=True)

"""Keys that are pressed in a form stay in the form: JupyterLab has shortcuts on single ones."""

from __future__ import annotations

from pathlib import Path

import anywidget

from xenexplore.render.web.modules import joined

__all__ = ["FORM_CLASS", "KeepKeys"]

#: The class of a box whose keys are kept.
FORM_CLASS = "xe-form"


class KeepKeys(anywidget.AnyWidget):
    """A child that is not seen: in the box around it, a list's arrow keys move in the list.

    In a notebook's command mode JupyterLab takes arrows and letters from every
    focused element that is no text field, lists and buttons of ipywidgets
    included: an arrow leaves the cell, and ``d d`` deletes it.  Ctrl+Enter in a
    text is the form's, too: the text counts as typed, without leaving it.
    """

    _esm = joined("keep_keys", Path(__file__).parent)

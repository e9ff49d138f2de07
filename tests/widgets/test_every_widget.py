"""Every widget of the room, found as a new one is: public, and readable without a kernel."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import xenexplore as xe
from xenexplore import widgets
from xenexplore.widgets.base import TraceWidget
from xenexplore.widgets.form import Form

BASES = (TraceWidget, Form)


def _widgets() -> list[type]:
    modules = [
        importlib.import_module(f"{widgets.__name__}.{one.name}")
        for one in pkgutil.iter_modules(widgets.__path__)
    ]
    return [
        kind
        for module in modules
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, BASES) and kind not in BASES
        if kind.__module__ == module.__name__
    ]


WIDGETS = _widgets()


@pytest.mark.parametrize("kind", WIDGETS, ids=lambda kind: kind.__name__)
def test_it_is_public_and_has_what_a_reader_without_a_kernel_needs(kind: type) -> None:
    assert getattr(xe, kind.__name__, None) is kind, "export it in xenexplore/__init__.py"
    needed = ("text", "svg", "python") if issubclass(kind, TraceWidget) else ("static_text",)
    base = TraceWidget if issubclass(kind, TraceWidget) else Form
    lacking = [name for name in needed if getattr(kind, name) is getattr(base, name)]
    assert not lacking, f"{kind.__name__} must define {', '.join(lacking)}"


def test_the_room_has_widgets() -> None:
    assert len(WIDGETS) >= 5

"""The names at the top: sorted, all there, and nothing loaded before it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import xenexplore


def test_every_public_name_loads() -> None:
    assert list(xenexplore.__all__) == sorted(xenexplore.__all__)
    for name in xenexplore.__all__:
        assert getattr(xenexplore, name) is not None
    assert dir(xenexplore) == sorted(xenexplore.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = xenexplore.nonsense  # type: ignore[attr-defined]


def test_importing_loads_neither_jupyter_nor_matplotlib_nor_numpy() -> None:
    heavy = "matplotlib numpy numba networkx ipywidgets anywidget IPython jupyterlab msgspec"
    code = f"import sys, xenexplore; print([m for m in {heavy.split()!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("room", ["scenario.run", "options.registry", "guest.domain"])
def test_the_core_loads_without_pictures(room: str) -> None:
    heavy = ["matplotlib", "networkx", "ipywidgets", "anywidget", "IPython"]
    code = f"import sys, xenexplore.{room}; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

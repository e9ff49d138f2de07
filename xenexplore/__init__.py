"""xenexplore: step through Xen's hypercall-buffer designs on real recorded hypercalls.

At a prompt::

    import xenexplore as xe

    xe.hypercalls.find("evtchn send")             # the catalogue
    scenario = xe.load("evtchn-send-from-stack")  # a built-in scenario, or a file
    path = xe.run(scenario, "giant-map")          # one option, step by step
    xe.Stepper(path)                              # ... in JupyterLab
    xe.compare(scenario)                          # every option, side by side
    xe.open_recording("pvh")                      # what a real Xen was recorded doing

Importing the package loads nothing beyond the standard library; each name
below is loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xenexplore import hypercalls, recording
    from xenexplore.recording.format.reader import read_recording as open_recording
    from xenexplore.render.web.page import save_html
    from xenexplore.scenario.library.builtin import builtin_names as scenarios
    from xenexplore.scenario.library.builtin import find_scenario as load
    from xenexplore.scenario.run.runner import check, compare, run
    from xenexplore.scenario.text.loader import parse_scenario as parse
    from xenexplore.widgets.comparison import ComparisonView
    from xenexplore.widgets.recording_browser import RecordingBrowser
    from xenexplore.widgets.stepper import Stepper
    from xenexplore.widgets.workbench import Workbench

__all__ = [
    "ComparisonView",
    "RecordingBrowser",
    "Stepper",
    "Workbench",
    "__version__",
    "check",
    "compare",
    "hypercalls",
    "load",
    "open_recording",
    "parse",
    "recording",
    "run",
    "save_html",
    "scenarios",
]

__version__ = "0.1.0"

_ROOMS = ("hypercalls", "recording")
_NAMES = {
    "ComparisonView": "widgets.comparison:ComparisonView",
    "RecordingBrowser": "widgets.recording_browser:RecordingBrowser",
    "Stepper": "widgets.stepper:Stepper",
    "Workbench": "widgets.workbench:Workbench",
    "check": "scenario.run.runner:check",
    "compare": "scenario.run.runner:compare",
    "load": "scenario.library.builtin:find_scenario",
    "open_recording": "recording.format.reader:read_recording",
    "parse": "scenario.text.loader:parse_scenario",
    "run": "scenario.run.runner:run",
    "save_html": "render.web.page:save_html",
    "scenarios": "scenario.library.builtin:builtin_names",
}


def __getattr__(name: str) -> Any:
    """Load a name at its first use, so that ``import xenexplore`` stays cheap."""
    if name == "hypercalls":
        # Its entries are tables in a notebook.
        importlib.import_module("xenexplore.render.web.catalogue_html")
    if name in _ROOMS:
        return importlib.import_module(f"xenexplore.{name}")
    if name in _NAMES:
        module, _, attribute = _NAMES[name].partition(":")
        return getattr(importlib.import_module(f"xenexplore.{module}"), attribute)
    raise AttributeError(f"module 'xenexplore' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)

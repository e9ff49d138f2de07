"""xenexplore: step through Xen's hypercall-buffer designs on real recorded hypercalls.

At a prompt::

    import xenexplore as xe

    scenario = xe.load("evtchn-send-from-stack")        # a built-in scenario, or a file
    trace = xe.run(scenario, "giant-map")               # one option, step by step
    xe.run(scenario, "software-tlb", register=["stack"])  # parameters are keywords
    xe.compare(scenario)                                # every option, side by side
    xe.Stepper(trace)                                   # ... in JupyterLab
    print(trace.text())                                 # ... in a mail; trace.svg() is a picture

    guest = xe.Guest("linux", vcpus=2)                  # or build one, and change it live
    send = guest.buffer("stack", struct="evtchn_send", port=5)
    xen = xe.Xen(guest, "software-tlb")                 # what you do is kept, and replays:
    xen.hypercall("event_channel_op send", arg=send)    # xen.trace, xen.scenario()
    class LastWalk(xe.Design): ...                      # a design of your own: one hook
    xe.run(scenario, LastWalk), xe.trial(LastWalk)      # ... goes wherever a name goes

    xe.designs("O7"), xe.matrix(), xe.scenarios()       # the designs, the questions, the library
    xe.hypercalls.find("evtchn send")                   # the catalogue
    xe.walk("guest.elf", "ffff888000001000")            # a memory image: a walk, or xe.map(...)
    xe.open_recording("pvh")                            # what a real Xen was recorded doing
    xe.replay("pvh", "number-bit")                      # recorded accesses under a design
    xe.report("pvh")                                    # one page of findings; xe.sweep(...)

Results show themselves: ``text()``, ``svg()`` where there is a picture, and a short ``repr``.
Every error that is raised on purpose is an :class:`XenexploreError`.

Importing the package loads nothing beyond the standard library; each name
below is loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from xenexplore.display import drawn_by

if TYPE_CHECKING:
    from xenexplore import hypercalls, recording
    from xenexplore.addr import Gfn as Gfn
    from xenexplore.addr import Gpa as Gpa
    from xenexplore.addr import Gva as Gva
    from xenexplore.addr import split_pages as split_pages
    from xenexplore.analysis.findings import Findings as Findings
    from xenexplore.analysis.measures.cost import break_even as break_even
    from xenexplore.analysis.measures.cost import read_costs as read_costs
    from xenexplore.analysis.measures.loop_costs import LoopCost as LoopCost
    from xenexplore.analysis.measures.loop_costs import loop_costs as loop_costs
    from xenexplore.analysis.replay.replays import Replays as Replays
    from xenexplore.analysis.sweep import SweepTable as SweepTable
    from xenexplore.analysis.workload.find_workload import find_workload as read_workload
    from xenexplore.analysis.workload.tables import Workload as Workload
    from xenexplore.api.analysis import replay as replay
    from xenexplore.api.analysis import report as report
    from xenexplore.api.analysis import sweep as sweep
    from xenexplore.api.designs import designs as designs
    from xenexplore.api.images import map_image as map  # noqa: A004 - xe.map is what it says
    from xenexplore.api.images import walk as walk
    from xenexplore.api.mail import reply as reply
    from xenexplore.api.mail import thread as thread
    from xenexplore.api.recordings import explain as explain
    from xenexplore.api.recordings import scenario_from as scenario_from
    from xenexplore.api.recordings import summarise as summarise
    from xenexplore.errors import AddressError as AddressError
    from xenexplore.errors import CatalogueError as CatalogueError
    from xenexplore.errors import DesignError as DesignError
    from xenexplore.errors import ImageError as ImageError
    from xenexplore.errors import InputError as InputError
    from xenexplore.errors import MachineError as MachineError
    from xenexplore.errors import RecorderError as RecorderError
    from xenexplore.errors import RecordingError as RecordingError
    from xenexplore.errors import ReleaseError as ReleaseError
    from xenexplore.errors import ScenarioError as ScenarioError
    from xenexplore.errors import UnsaidError as UnsaidError
    from xenexplore.errors import XenexploreError as XenexploreError
    from xenexplore.guest.domain import Domain as Domain
    from xenexplore.guest.spec import GuestSpec as GuestSpec
    from xenexplore.hypervisor.calls import Located as Located
    from xenexplore.hypervisor.calls import Refused as Refused
    from xenexplore.hypervisor.design import Design as Design
    from xenexplore.hypervisor.design import Parameter as Parameter
    from xenexplore.hypervisor.linear import walk_piece as walk_piece
    from xenexplore.hypervisor.outcome import Outcome as Outcome
    from xenexplore.hypervisor.registered import TLB_PARAMETERS as TLB_PARAMETERS
    from xenexplore.hypervisor.registered import RegisteredBuffers as RegisteredBuffers
    from xenexplore.mail.mail import Mail as Mail
    from xenexplore.mail.reply import Reply as Reply
    from xenexplore.mail.source import find_scenario as load
    from xenexplore.mail.source import parse as parse
    from xenexplore.mail.source import read_mail as read_mail
    from xenexplore.mail.thread import Thread as Thread
    from xenexplore.options.registry import OptionList as OptionList
    from xenexplore.options.registry import offer as offer
    from xenexplore.options.registry import variant as variant
    from xenexplore.options.variant import Variant as Variant
    from xenexplore.paging.access import FETCH as FETCH
    from xenexplore.paging.access import READ as READ
    from xenexplore.paging.access import USER_FETCH as USER_FETCH
    from xenexplore.paging.access import USER_READ as USER_READ
    from xenexplore.paging.access import USER_WRITE as USER_WRITE
    from xenexplore.paging.access import WRITE as WRITE
    from xenexplore.paging.access import Access as Access
    from xenexplore.paging.batch.address_space import AddressSpace as AddressSpace
    from xenexplore.paging.image_target import ImageTarget as ImageTarget
    from xenexplore.paging.image_target import open_target as open_image
    from xenexplore.paging.walk_record import Walk as Walk
    from xenexplore.recording.contents.arm_copies import ArmCopies as ArmCopies
    from xenexplore.recording.contents.arm_copies import arm_copies as arm_copies
    from xenexplore.recording.contents.call_index import CallIndex as CallIndex
    from xenexplore.recording.contents.summary import Summary as Summary
    from xenexplore.recording.format.columns import Recording as Recording
    from xenexplore.recording.format.reader import read_recording as open_recording
    from xenexplore.recording.matching.matching import Matching as Matching
    from xenexplore.render.plots.figures import PlotFigure as PlotFigure
    from xenexplore.render.plots.figures import figures_of as figures
    from xenexplore.render.svg.figure_file import save_figure as save_figure
    from xenexplore.render.web.page import save_html as save_html
    from xenexplore.scenario.library.builtin import ScenarioList as ScenarioList
    from xenexplore.scenario.library.builtin import builtin_names as scenarios
    from xenexplore.scenario.model.scenario import Scenario as Scenario
    from xenexplore.scenario.run.address import use_site as use_site
    from xenexplore.scenario.run.comparison import Comparison as Comparison
    from xenexplore.scenario.run.matrix import Matrix as Matrix
    from xenexplore.scenario.run.matrix import matrix as matrix
    from xenexplore.scenario.run.runner import check as check
    from xenexplore.scenario.run.runner import compare as compare
    from xenexplore.scenario.run.runner import run as run
    from xenexplore.scenario.run.trace import Trace as Trace
    from xenexplore.scenario.trial.trial import Trial as Trial
    from xenexplore.scenario.trial.trial import trial as trial
    from xenexplore.session.buffer import Buffer as Buffer
    from xenexplore.session.guest import Guest as Guest
    from xenexplore.session.page_tables import TableEntry as TableEntry
    from xenexplore.session.tlb import RegisteredEntry as RegisteredEntry
    from xenexplore.session.tlb import VcpuTlb as VcpuTlb
    from xenexplore.session.xen import Xen as Xen
    from xenexplore.steps import Cite as Cite
    from xenexplore.steps import Copy as Copy
    from xenexplore.steps import Fault as Fault
    from xenexplore.steps import FaultKind as FaultKind
    from xenexplore.steps import Hazard as Hazard
    from xenexplore.steps import Note as Note
    from xenexplore.steps import Step as Step
    from xenexplore.steps import TlbInsert as TlbInsert
    from xenexplore.steps import TlbLookup as TlbLookup
    from xenexplore.steps import TlbPurge as TlbPurge
    from xenexplore.steps import mail as cite_mail
    from xenexplore.teaching import Exercise as Exercise
    from xenexplore.teaching import exercise as exercise
    from xenexplore.teaching import exercises as exercises
    from xenexplore.tlb import TlbEntry as TlbEntry
    from xenexplore.tlb import TlbTable as TlbTable
    from xenexplore.widgets.comparison import ComparisonView as ComparisonView
    from xenexplore.widgets.explorer import Explorer as Explorer
    from xenexplore.widgets.recording_browser import RecordingBrowser as RecordingBrowser
    from xenexplore.widgets.stepper import Stepper as Stepper
    from xenexplore.widgets.workbench import Workbench as Workbench

__all__ = [
    "FETCH",
    "READ",
    "TLB_PARAMETERS",
    "USER_FETCH",
    "USER_READ",
    "USER_WRITE",
    "WRITE",
    "Access",
    "AddressError",
    "AddressSpace",
    "ArmCopies",
    "Buffer",
    "CallIndex",
    "CatalogueError",
    "Cite",
    "Comparison",
    "ComparisonView",
    "Copy",
    "Design",
    "DesignError",
    "Domain",
    "Exercise",
    "Explorer",
    "Fault",
    "FaultKind",
    "Findings",
    "Gfn",
    "Gpa",
    "Guest",
    "GuestSpec",
    "Gva",
    "Hazard",
    "ImageError",
    "ImageTarget",
    "InputError",
    "Located",
    "LoopCost",
    "MachineError",
    "Mail",
    "Matching",
    "Matrix",
    "Note",
    "OptionList",
    "Outcome",
    "Parameter",
    "PlotFigure",
    "RecorderError",
    "Recording",
    "RecordingBrowser",
    "RecordingError",
    "Refused",
    "RegisteredBuffers",
    "RegisteredEntry",
    "ReleaseError",
    "Replays",
    "Reply",
    "Scenario",
    "ScenarioError",
    "ScenarioList",
    "Step",
    "Stepper",
    "Summary",
    "SweepTable",
    "TableEntry",
    "Thread",
    "TlbEntry",
    "TlbInsert",
    "TlbLookup",
    "TlbPurge",
    "TlbTable",
    "Trace",
    "Trial",
    "UnsaidError",
    "Variant",
    "VcpuTlb",
    "Walk",
    "Workbench",
    "Workload",
    "Xen",
    "XenexploreError",
    "__version__",
    "arm_copies",
    "break_even",
    "check",
    "cite_mail",
    "compare",
    "designs",
    "exercise",
    "exercises",
    "explain",
    "figures",
    "hypercalls",
    "load",
    "loop_costs",
    "map",
    "matrix",
    "offer",
    "open_image",
    "open_recording",
    "parse",
    "read_costs",
    "read_mail",
    "read_workload",
    "recording",
    "replay",
    "reply",
    "report",
    "run",
    "save_figure",
    "save_html",
    "scenario_from",
    "scenarios",
    "split_pages",
    "summarise",
    "sweep",
    "thread",
    "trial",
    "use_site",
    "variant",
    "walk",
    "walk_piece",
]

__version__ = "0.1.0"

_ROOMS = ("hypercalls", "recording")
_NAMES = {
    "Access": "paging.access:Access",
    "AddressError": "errors:AddressError",
    "AddressSpace": "paging.batch.address_space:AddressSpace",
    "Buffer": "session.buffer:Buffer",
    "ArmCopies": "recording.contents.arm_copies:ArmCopies",
    "arm_copies": "recording.contents.arm_copies:arm_copies",
    "CallIndex": "recording.contents.call_index:CallIndex",
    "CatalogueError": "errors:CatalogueError",
    "Cite": "steps:Cite",
    "Comparison": "scenario.run.comparison:Comparison",
    "ComparisonView": "widgets.comparison:ComparisonView",
    "Copy": "steps:Copy",
    "Design": "hypervisor.design:Design",
    "DesignError": "errors:DesignError",
    "Domain": "guest.domain:Domain",
    "Exercise": "teaching:Exercise",
    "Explorer": "widgets.explorer:Explorer",
    "FETCH": "paging.access:FETCH",
    "Fault": "steps:Fault",
    "FaultKind": "steps:FaultKind",
    "Findings": "analysis.findings:Findings",
    "Gfn": "addr:Gfn",
    "Gpa": "addr:Gpa",
    "Guest": "session.guest:Guest",
    "GuestSpec": "guest.spec:GuestSpec",
    "Gva": "addr:Gva",
    "Hazard": "steps:Hazard",
    "ImageError": "errors:ImageError",
    "ImageTarget": "paging.image_target:ImageTarget",
    "InputError": "errors:InputError",
    "Located": "hypervisor.calls:Located",
    "LoopCost": "analysis.measures.loop_costs:LoopCost",
    "MachineError": "errors:MachineError",
    "Mail": "mail.mail:Mail",
    "Matching": "recording.matching.matching:Matching",
    "Matrix": "scenario.run.matrix:Matrix",
    "Note": "steps:Note",
    "OptionList": "options.registry:OptionList",
    "Outcome": "hypervisor.outcome:Outcome",
    "Parameter": "hypervisor.design:Parameter",
    "PlotFigure": "render.plots.figures:PlotFigure",
    "READ": "paging.access:READ",
    "RecorderError": "errors:RecorderError",
    "Recording": "recording.format.columns:Recording",
    "RecordingBrowser": "widgets.recording_browser:RecordingBrowser",
    "RecordingError": "errors:RecordingError",
    "Refused": "hypervisor.calls:Refused",
    "RegisteredBuffers": "hypervisor.registered:RegisteredBuffers",
    "RegisteredEntry": "session.tlb:RegisteredEntry",
    "ReleaseError": "errors:ReleaseError",
    "Replays": "analysis.replay.replays:Replays",
    "Reply": "mail.reply:Reply",
    "Scenario": "scenario.model.scenario:Scenario",
    "ScenarioError": "errors:ScenarioError",
    "ScenarioList": "scenario.library.builtin:ScenarioList",
    "Step": "steps:Step",
    "Stepper": "widgets.stepper:Stepper",
    "Summary": "recording.contents.summary:Summary",
    "SweepTable": "analysis.sweep:SweepTable",
    "TLB_PARAMETERS": "hypervisor.registered:TLB_PARAMETERS",
    "TableEntry": "session.page_tables:TableEntry",
    "Thread": "mail.thread:Thread",
    "TlbEntry": "tlb:TlbEntry",
    "TlbInsert": "steps:TlbInsert",
    "TlbLookup": "steps:TlbLookup",
    "TlbPurge": "steps:TlbPurge",
    "TlbTable": "tlb:TlbTable",
    "Trace": "scenario.run.trace:Trace",
    "Trial": "scenario.trial.trial:Trial",
    "USER_FETCH": "paging.access:USER_FETCH",
    "USER_READ": "paging.access:USER_READ",
    "USER_WRITE": "paging.access:USER_WRITE",
    "UnsaidError": "errors:UnsaidError",
    "Variant": "options.variant:Variant",
    "VcpuTlb": "session.tlb:VcpuTlb",
    "WRITE": "paging.access:WRITE",
    "Walk": "paging.walk_record:Walk",
    "Workbench": "widgets.workbench:Workbench",
    "Workload": "analysis.workload.tables:Workload",
    "Xen": "session.xen:Xen",
    "XenexploreError": "errors:XenexploreError",
    "break_even": "analysis.measures.cost:break_even",
    "check": "scenario.run.runner:check",
    "cite_mail": "steps:mail",
    "compare": "scenario.run.runner:compare",
    "designs": "api.designs:designs",
    "exercise": "teaching:exercise",
    "exercises": "teaching:exercises",
    "explain": "api.recordings:explain",
    "figures": "render.plots.figures:figures_of",
    "load": "mail.source:find_scenario",
    "loop_costs": "analysis.measures.loop_costs:loop_costs",
    "map": "api.images:map_image",
    "matrix": "scenario.run.matrix:matrix",
    "offer": "options.registry:offer",
    "open_image": "paging.image_target:open_target",
    "open_recording": "recording.format.reader:read_recording",
    "parse": "mail.source:parse",
    "read_costs": "analysis.measures.cost:read_costs",
    "read_mail": "mail.source:read_mail",
    "read_workload": "analysis.workload.find_workload:find_workload",
    "replay": "api.analysis:replay",
    "reply": "api.mail:reply",
    "report": "api.analysis:report",
    "run": "scenario.run.runner:run",
    "save_figure": "render.svg.figure_file:save_figure",
    "save_html": "render.web.page:save_html",
    "scenario_from": "api.recordings:scenario_from",
    "scenarios": "scenario.library.builtin:builtin_names",
    "split_pages": "addr:split_pages",
    "summarise": "api.recordings:summarise",
    "sweep": "api.analysis:sweep",
    "thread": "api.mail:thread",
    "trial": "scenario.trial.trial:trial",
    "use_site": "scenario.run.address:use_site",
    "variant": "options.registry:variant",
    "walk": "api.images:walk",
    "walk_piece": "hypervisor.linear:walk_piece",
}

drawn_by("xenexplore.render.displays")


def __getattr__(name: str) -> Any:
    """Load a name at its first use, so that ``import xenexplore`` stays cheap."""
    if name in _ROOMS:
        return importlib.import_module(f"xenexplore.{name}")
    if name in _NAMES:
        module, _, attribute = _NAMES[name].partition(":")
        found = getattr(importlib.import_module(f"xenexplore.{module}"), attribute)
        globals()[name] = found
        return found
    raise AttributeError(f"module 'xenexplore' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)

"""A recorded hypercall as a scenario: its real addresses, frames and lengths."""

from __future__ import annotations

import re
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np

from xenexplore.addr import PAGE_MASK, PAGE_SHIFT
from xenexplore.errors import RecordingError, ScenarioError
from xenexplore.guest.domain import Domain
from xenexplore.guest.layout.regions import RegionKind
from xenexplore.guest.placement.placement import touched
from xenexplore.guest.spec import GuestSpec
from xenexplore.hypercalls.catalogue.entries import Family, SubOp, family_of
from xenexplore.hypercalls.plan.explain import Explanation, Seen, explain
from xenexplore.hypervisor.design import Design
from xenexplore.options.registry import RECORDED, TODAY, variant
from xenexplore.recording.conversion.struct_contents import Decided, decided_contents
from xenexplore.recording.conversion.touched_memory import TouchedMemory, frames_of, touched_memory
from xenexplore.recording.format.columns import Recording
from xenexplore.recording.matching.recorded_calls import (
    Matcher,
    RecordedCall,
    recorded_call,
    recorded_calls,
)
from xenexplore.scenario.model.about import About
from xenexplore.scenario.model.action_records import ActionSpec, CallAction, Switch
from xenexplore.scenario.model.call_names import canonical_name, op_argument
from xenexplore.scenario.model.contents import contents_bytes
from xenexplore.scenario.model.scenario import BufferSpec, Contents, Expectation, Scenario
from xenexplore.scenario.model.values import Pairs, Reference, Value
from xenexplore.scenario.run.runner import run
from xenexplore.scenario.run.trace import Trace
from xenexplore.steps import Copy, Status

__all__ = ["find_row", "scenario_of", "to_scenario", "to_scenario_and_run"]

_MEMORY = GuestSpec().memory
_GRAIN = 2 << 20
_PV_PLACES = {
    RegionKind.DIRECTMAP: "kmalloc",
    RegionKind.PERCPU: "kmalloc",
    RegionKind.IMAGE: "static",
    RegionKind.STACK: "static",
    RegionKind.USER: "user",
}


def find_row(recording: Recording, number: int, *, domain: str | None = None) -> int:
    """The row of a hypercall.

    Args:
        recording: where to look.
        number: its sequence number (``s``), or its index within ``domain``, from 0.
        domain: ``"dom0"``, ``"dom1"``, ..., or None.

    Raises:
        RecordingError: there is no such hypercall or domain.
    """
    calls = recording.calls
    if not len(calls):
        raise _no_such(recording, "a recording with hypercalls", "none")
    if domain is None:
        rows = np.flatnonzero(calls.seq == number)
        if not len(rows):
            first, last = int(calls.seq[0]), int(calls.seq[-1])
            raise _no_such(recording, f"a sequence number from {first} to {last}", str(number))
        return int(rows[0])
    named = {found.name: found.index for found in recording.domains}
    if domain not in named:
        raise _no_such(recording, f"one of {', '.join(named)}", repr(domain))
    rows = recording.of_domain(named[domain])
    if not 0 <= number < len(rows):
        raise _no_such(recording, f"an index of {domain} from 0 to {len(rows) - 1}", str(number))
    return int(rows[number])


def _no_such(recording: Recording, expected: str, got: str) -> RecordingError:
    return RecordingError(recording.source, "", expected=expected, got=got)


def to_scenario(recording: Recording, row: int) -> Scenario:
    """Make a scenario of a recorded hypercall.

    What structs held was not recorded: fields are zero but for what the copies
    decide, given the catalogue's copy plan.  The scenario is run once under
    today's interface: if Xen's model then copies what was recorded, the scenario
    expects that from now on; if not, its text says so.

    Args:
        recording: where it was recorded.
        row: its row in ``recording.calls``.

    Raises:
        RecordingError: the catalogue does not explain what Xen copied, or a
            page was not walked.
    """
    return scenario_of(recording, recorded_call(recording, row))


def to_scenario_and_run(recording: Recording, row: int) -> tuple[Scenario, Trace]:
    """As :func:`to_scenario`, and what came of it under today's interface."""
    return _tried(recording, recorded_call(recording, row))


def scenario_of(recording: Recording, seen: RecordedCall) -> Scenario:
    """Make a scenario of one of :func:`~xenexplore.recording.matching.matching.recorded_calls`.

    As :func:`to_scenario`, for who goes through many of them.
    """
    return _tried(recording, seen)[0]


def _tried(recording: Recording, seen: RecordedCall) -> tuple[Scenario, Trace]:
    if family_of(seen.call.number, seen.call.xen) is None:
        raise RecordingError(
            recording.source,
            f"hypercall {int(recording.calls.seq[seen.row])}",
            expected="a number in the catalogue",
            got="an entry that reached no handler" if seen.call.number < 0
            else str(seen.call.number),
        )  # fmt: skip
    explanation = explain(seen.call, seen.copies)
    if not explanation.verdict.explained or explanation.outcome is None:
        raise _unexplained(recording, seen, explanation)
    scenario = _first(recording, seen, explanation)
    trace = _today(recording, scenario, seen)
    scenario = _expecting(scenario, trace, seen)
    return scenario, replace(trace, about=scenario.about, scenario=scenario)


def _unexplained(recording: Recording, seen: RecordedCall, found: Explanation) -> RecordingError:
    """Reason why a call makes no scenario: it is one leg of several, or nothing explains it."""
    place = f"hypercall {int(recording.calls.seq[seen.row])}"
    leg = Matcher(list(recorded_calls(recording))).continuation(seen)
    if leg is not None:
        later = int(recording.calls.seq[leg.row])
        return RecordingError(
            recording.source,
            place,
            expected="a call that Xen did not preempt",
            got=f"{found.name}, preempted: hypercall {later} continues it",
            hint="step through that one, or write a scenario with preempt",
        )
    return RecordingError(
        recording.source,
        place,
        expected="copies that the catalogue's plan explains",
        got=f"{found.name}: {found.verdict}",
        hint=found.expected,
    )


def _first(recording: Recording, seen: RecordedCall, explanation: Explanation) -> Scenario:
    """The scenario without expectations."""
    clusters = touched_memory(seen.copies)
    pv = seen.call.guest == "pv"
    frames = [() if pv else frames_of(recording, seen.row, cluster) for cluster in clusters]
    highest = max((frame.value for run in frames for frame in run), default=0)
    memory = max(_MEMORY, -(-((highest + 1) << PAGE_SHIFT) // _GRAIN) * _GRAIN)
    guest = GuestSpec(type="pv" if pv else "pvh", memory=memory)
    identity = any(
        [frame.value for frame in run] == list(cluster.pages)
        for cluster, run in zip(clusters, frames, strict=True)
    )
    assert explanation.outcome is not None
    decided = decided_contents(explanation.outcome.contents)
    buffers = tuple(
        BufferSpec(
            name=f"b{number}",
            place=_pv_place(guest, cluster) if pv else "fixed",
            size=cluster.size,
            address=cluster.start,
            frames=run,
            process="kernel" if identity else None,
            contents=_contents([item for item in decided if item[0] in cluster], cluster),
        )
        for number, (cluster, run) in enumerate(zip(clusters, frames, strict=True))
    )
    user = not identity and any(not cluster.start.value >> 63 for cluster in clusters)
    actions: list[ActionSpec] = [Switch(process="kernel")] if identity else []
    actions.append(_call(seen, buffers, user=user))
    registered = tuple(f"buffer:{buffer.name}" for buffer in buffers)
    options = [variant(TODAY)]
    if not pv:
        options += [variant(option, _registering(option, registered)) for option in RECORDED]
    about = _about(recording, seen, explanation, identity=identity)
    return Scenario(
        about=about,
        guest=guest,
        xen=recording.release,
        buffers=buffers,
        actions=tuple(actions),
        options=tuple(options),
        source=about.name,
    )


def _registering(option: type[Design], words: tuple[str, ...]) -> dict[str, object]:
    """Parameters by which an option registers the call's buffers, if it registers any."""
    takes = any(parameter.name == "register" for parameter in option.parameters)
    return {"register": words} if takes and words else {}


def _pv_place(guest: GuestSpec, cluster: TouchedMemory) -> str:
    """A PV guest's frames are not in the recording: only the kind of place can be kept."""
    kind = Domain(guest).layout.find(cluster.start).kind
    return _PV_PLACES.get(kind, "vmalloc")


def _contents(decided: list[Decided], cluster: TouchedMemory) -> Contents:
    """One struct by its fields; several, or one past the cluster's end, as plain bytes."""
    if len(decided) == 1:
        address, kind, pairs = decided[0]
        at = address - cluster.start.value
        one = (
            Contents(struct=kind, array=(pairs[0][1],), at=at)
            if pairs[0][0] == ""
            else Contents(struct=kind, fields=pairs, at=at)
        )
        if one.size <= cluster.size:
            return one
    data = bytearray(cluster.size)
    for address, kind, pairs in decided:
        scalar = pairs[0][0] == ""
        contents = Contents(
            struct=kind,
            fields=() if scalar else pairs,
            array=(pairs[0][1],) if scalar else (),
        )
        start = address - cluster.start.value
        for offset, byte in enumerate(contents_bytes(contents, _no_references)):
            if byte and start + offset < cluster.size:
                data[start + offset] |= byte
    return Contents(data=bytes(data)) if any(data) else Contents()


def _no_references(reference: Reference) -> int:
    raise AssertionError(f"decided contents are numbers, not {reference}")


def _call(seen: RecordedCall, buffers: tuple[BufferSpec, ...], *, user: bool) -> CallAction:
    family, op = _named(seen)
    selector = op_argument(family)
    given: list[tuple[str, Value]] = []
    for argument, value in zip(family.args, seen.call.args, strict=False):
        if argument.name == selector or not value:
            continue
        shown: Value = value
        if "handle(" in argument.type:
            shown = _reference(value, buffers)
        given.append((argument.name, shown))
    pairs: Pairs = tuple(given)
    return CallAction(hypercall=canonical_name(family, op), given=pairs, user=user)


def _named(seen: RecordedCall) -> tuple[Family, SubOp | None]:
    family = family_of(seen.call.number, seen.call.xen)
    assert family is not None, "an explained hypercall is in the catalogue"
    selector = op_argument(family)
    op: SubOp | None = None
    if selector is not None:
        index = [argument.name for argument in family.args].index(selector)
        value = seen.call.args[index] & family.constants.get("CMD_MASK", 0xFFFF_FFFF)
        op = family.ops.get(value)
    return family, op


def _reference(value: int, buffers: tuple[BufferSpec, ...]) -> Value:
    for buffer in buffers:
        assert buffer.address is not None
        if buffer.address.value <= value < buffer.address.value + buffer.length:
            return Reference(buffer.name, value - buffer.address.value)
    return value


def _about(
    recording: Recording, seen: RecordedCall, explanation: Explanation, *, identity: bool
) -> About:
    seq = int(recording.calls.seq[seen.row])
    stem = re.sub(r"[^a-z0-9.-]", "-", Path(recording.source).name.split(".")[0].lower())
    domain = recording.domains[seen.domain].name if seen.domain >= 0 else "unknown domain"
    count = len(seen.copies)
    copies = f"{count} {'copy' if count == 1 else 'copies'}"
    frames = "" if seen.call.guest == "pv" else ", and the guest frame of each page"
    words = [
        (
            f"Hypercall {seq} of the recording {stem!r}: {explanation.name}, made by {domain}; "
            f"{copies}."
        ),
        f"Recorded: number, arguments, addresses, lengths{frames}.",
        (
            "Not recorded: the contents of the structs, and the guest's page tables. Fields are "
            "zero except where the recorded copies determine them through the catalogue's copy "
            "plan."
        ),
    ]
    if seen.call.guest == "pv":
        words.append(
            "A PV guest's frames are not in the recording: they are those of this model's machine."
        )
    if identity:
        words.append(
            "Linear addresses equal guest-physical ones here: the guest was still booting."
        )
    if explanation.choices:
        words.append(f"Xen left its usual path: {'; '.join(explanation.choices)}.")
    return About(
        name=f"{stem or 'recording'}-{seq}".lstrip("-."),
        title=f"Recorded: {explanation.name}, {domain}",
        text="\n".join(textwrap.wrap(" ".join(words), 72)),
    )


def _today(recording: Recording, scenario: Scenario, seen: RecordedCall) -> Trace:
    """What comes of it under today's interface."""
    try:
        return run(scenario, TODAY)
    except ScenarioError as error:
        raise RecordingError(
            recording.source, f"hypercall {int(recording.calls.seq[seen.row])}",
            expected="buffers possible in this model's guest", got=error.got,
        ) from None  # fmt: skip


def _expecting(scenario: Scenario, trace: Trace, seen: RecordedCall) -> Scenario:
    """Expect the recorded copies, if they came out."""
    copies = [node.step for node in trace.steps if isinstance(node.step, Copy)]
    made = [(step.direction, step.handle, step.size) for step in copies]
    wanted = [copy for copy in seen.copies if copy[2]]
    if not _as_recorded(made, wanted, seen.call.guest) or trace.outcome.status is not Status.RIGHT:
        note = (
            f"In this run the model of Xen makes different copies ({len(made)} here, "
            f"{len(wanted)} recorded): the deciding state was not recorded, so nothing is "
            "expected."
        )
        text = scenario.about.text + "\n" + "\n".join(textwrap.wrap(note, 72))
        return replace(scenario, about=replace(scenario.about, text=text))
    moved = {
        "bytes_from_guest": sum(size for way, _, size in made if way == "from"),
        "bytes_to_guest": sum(size for way, _, size in made if way != "from"),
    }
    if seen.call.guest != "pv":
        moved["walks"] = sum(touched(address & PAGE_MASK, size) for _, address, size in wanted)
    counts = tuple((name, value) for name, value in moved.items() if value)
    expect = Expectation(options=(TODAY.name,), status=Status.RIGHT, result=0, counts=counts)
    return replace(scenario, expects=(expect,))


def _as_recorded(made: list[Seen], wanted: list[Seen], guest: str) -> bool:
    """Whether the copies made are those recorded.

    PV: moves of 1, 2, 4 or 8 bytes may be compiled into their caller, where the
    recorder's hooks do not see them: more of those may be made.
    """
    if guest != "pv":
        return made == wanted
    left = list(wanted)
    for copy in made:
        if left and copy == left[0]:
            del left[0]
        elif copy[2] not in (1, 2, 4, 8):
            return False
    return not left

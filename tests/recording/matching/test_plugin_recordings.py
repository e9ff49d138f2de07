"""What the recordings made with a QEMU plugin prove: counts, stacks, owners, limits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from xenexplore.analysis.workload.tables import read_workload
from xenexplore.guest.layout.regions import RegionKind
from xenexplore.recording.contents.call_buffers import find_buffers
from xenexplore.recording.contents.guest_layouts import guest_spaces
from xenexplore.recording.contents.limits import Facts, header_of, limits
from xenexplore.recording.contents.summary import summarise
from xenexplore.recording.format.header import Artefact, GuestKind
from xenexplore.recording.format.stream import BUILT_INS
from xenexplore.recording.matching.matching import match_recording
from xenexplore.recording.matching.recorded_calls import recorded_calls

RECORDINGS = ("pvh_boot", "pvh_backends")


@pytest.mark.parametrize("name", RECORDINGS)
def test_every_hypercall_is_explained(name, request):
    recording = request.getfixturevalue(name)
    found = match_recording(recording)
    assert sum(domain.hypercalls for domain in found.domains) == len(recording.calls)
    assert [domain.unexplained for domain in found.domains] == [0] * len(recording.domains)


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_walk_takes_as_many_instructions_as_its_page_size_says(name, request):
    """Xen 4.17.7, release build; an interrupt in the middle of a walk makes it longer."""
    recording = request.getfixturevalue(name)
    for level, least in ((1, 3605), (2, 2881)):
        taken = recording.counts.walks.instructions[recording.walks.level == level]
        values, often = np.unique(taken, return_counts=True)
        assert values[0] == least
        assert values[often.argmax()] == least or level == 2


def test_counts_are_nested(pvh_backends):
    """Walks lie in copies, copies in the handler, the handler between exit and entry."""
    counts = pvh_backends.counts.calls
    assert (counts.walks <= counts.copies).all()
    assert (counts.copies <= counts.handler).all()
    known = counts.exit_to_entry >= 0
    assert known.mean() > 0.97
    assert (counts.handler[known] < counts.exit_to_entry[known]).all()
    inner = pvh_backends.accesses.inside
    total = np.zeros(len(pvh_backends.calls), np.int64)
    np.add.at(total, pvh_backends.accesses.call[inner],
              pvh_backends.counts.accesses.instructions[inner])  # fmt: skip
    assert np.array_equal(total, np.maximum(counts.copies, 0))


def test_buffers_on_stacks_are_told_from_vmalloced_data(pvh_backends, kallsyms):
    (dom0, domu) = summarise(pvh_backends, kallsyms).domains
    kinds = {use.kind: use for use in dom0.regions}
    data = kinds[RegionKind.VMALLOC_DATA]
    assert (data.buffers, data.pages, data.crossing, data.on_stack) == (14762, 4, 0, 0)
    assert data.places == (("xen-netback's queue", 14762),)
    for kind in (RegionKind.VMALLOC, RegionKind.IRQ_STACK, RegionKind.STACK):
        assert kinds[kind].on_stack == kinds[kind].buffers > 1000
    assert RegionKind.VMALLOC_DATA not in {use.kind for use in domu.regions}


def test_the_workload_tells_them_apart_too(kallsyms, pvh_backends):
    workload = read_workload("pvh-backends", kallsyms, calls=5000)
    rows = workload.inside(0)
    data = workload.kind_mask(rows, RegionKind.VMALLOC_DATA)
    grant = workload.calls.number[workload.accesses.call[rows[data]]]
    assert set(grant.tolist()) == {20}
    # Copies, not merged to arrays.
    buffers = find_buffers(pvh_backends)
    (space, _) = guest_spaces(pvh_backends, kallsyms)
    mine = buffers.pick(np.flatnonzero(buffers.domain == 0))
    found = space.no_stack(mine.address, space.layout.classify(mine.address))
    assert int(data.sum()) == int(mine.count[found].sum())


def test_nothing_is_told_where_stack_pointers_were_not_recorded(pvh, kallsyms):
    for space in guest_spaces(pvh, kallsyms):
        assert space.stacks is None
        addresses = np.array([0xFFFF_C900_0069_BAD8], np.uint64)
        assert not space.no_stack(addresses, space.layout.classify(addresses)).any()


@pytest.mark.parametrize("name", BUILT_INS)
def test_limits_come_from_the_header(name, request):
    recording = request.getfixturevalue(name.replace("-", "_"))
    header = header_of(recording)
    said = limits(header, Facts().then(recording))
    vcpus = "2 vCPUs" if name == "pvh-smp" else "one vCPU"
    assert said[0] == f"one boot of one kernel under TCG on {vcpus}"
    assert said[-1].startswith("proportions are those of this workload")
    assert ("no block or network backend ran" in said) == (header.backends == ())
    guessed = "vmalloc'ed buffers are taken to be on task stacks, by their addresses"
    assert (guessed in said) == (not recording.calls.rsp[recording.calls.kind == 1].any())
    assert header.guests[0].kind is (GuestKind.PV if name == "pv" else GuestKind.PVH)
    assert (Artefact.NO_NRIP in header.artefacts) == (header.version == 2)


def test_limits_of_a_file_that_does_not_tell(pvh):
    """A recording of one's own of version 1: from its content alone."""
    unnamed = replace(pvh, source="my.jsonl.zst")
    said = limits(header_of(unnamed), Facts().then(unnamed))
    assert said[:2] == (  # dom0's tools map two grants, so that no word is lost on backends
        "one boot of one kernel on one vCPU",
        "vmalloc'ed buffers are taken to be on task stacks, by their addresses",
    )
    quiet = limits(header_of(unnamed), replace(Facts().then(unnamed), grants=0))
    assert quiet[1] == "no backend mapped or copied a grant"


def test_a_continuation_may_come_after_other_calls(pvh_backends):
    """From the same instruction and stack, by the same vCPU; events were handled in between."""
    calls = list(recorded_calls(pvh_backends))
    assert all(seen.site != (0, 0) for seen in calls)
    assert len({seen.vcpu for seen in calls}) == 2

from __future__ import annotations

from dataclasses import replace

import numpy as np

from xenexplore.addr import Gva
from xenexplore.guest.layout.regions import RegionKind
from xenexplore.recording.contents.guest_layouts import guest_spaces
from xenexplore.recording.contents.summary import summarise
from xenexplore.recording.format.reader import read_recording
from xenexplore.recording.matching.logged_twice import logged_twice


def evidence(space) -> dict[str, str]:
    return dict(space.layout.evidence)


def test_bases_come_from_xens_walks(pvh, kallsyms):
    for space in guest_spaces(pvh, kallsyms):
        said = evidence(space)
        assert "walks" in said["directmap"]
        assert "walks" in said["kernel image"]
        assert "xen_runstate" in said["percpu"]
        # Every directmap and image page that Xen walked agrees with the layout.
        walks = pvh.walks
        mine = np.flatnonzero(walks.domain == space.domain.index)
        checked = 0
        for at, gfn in {(int(walks.address[i]), int(walks.gfn[i])) for i in mine}:
            region = space.layout.regions[int(space.layout.classify(np.array([at], np.uint64))[0])]
            if region.physical is not None:
                assert (region.physical.value + at - region.start.value) >> 12 == gfn
                checked += 1
        assert checked >= 5


def test_without_walks_the_layout_says_so(pv, kallsyms):
    dom0, domu = guest_spaces(pv, kallsyms)
    assert "not randomised" in evidence(dom0)["directmap"]
    assert "xen_hypercall_pv" in evidence(dom0)["image shift"]
    assert "walks" in evidence(domu)["directmap"]


def test_a_moved_directmap_is_found_from_walks(tmp_path):
    base = 0xFFFF_9C40_0000_0000
    lines = ['{"s":0,"t":0,"k":"hvm","n":32,"a":[4,0],"vp":1}']
    for page in range(4):
        address = base + (0x1000 + 7 * page << 12) + 8
        lines.append(f'{{"c":"Hfrom","s":0,"va":{address},"l":4}}')
        lines.append(f'{{"w":{address},"gfn":{0x1000 + 7 * page},"s":0,"vp":1}}')
    path = tmp_path / "kaslr.jsonl"
    path.write_text("\n".join(lines) + "\n")
    (space,) = guest_spaces(read_recording(path))
    assert space.layout.find(Gva(base)).name == "directmap"
    assert space.layout.find(Gva(base - 1)).name != "directmap"
    # Linux moves vmalloc as well, and this recording does not say where.
    assert evidence(space)["vmalloc, vmemmap"].startswith("unknown")
    stack = 0xFFFF_B2C0_0000_3E18
    lines.append(f'{{"c":"Hfrom","s":0,"va":{stack},"l":4}}')
    lines.append(f'{{"w":{stack},"gfn":77,"s":0,"vp":1}}')
    path.write_text("\n".join(lines) + "\n")
    (space,) = guest_spaces(read_recording(path))
    assert space.layout.find(Gva(stack)).name == "vmalloc"
    assert space.layout.find(Gva(0xFFFF_B2C0_0000_0000 - 1)).name == "directmap"


def test_the_hardirq_stack_is_found_by_its_frames_or_its_turn(pvh, pv, kallsyms):
    """map_irq_stack(), arch/x86/kernel/irq_64.c."""
    for space in guest_spaces(pvh, kallsyms):
        (irq,) = space.layout.named("hardirq stack")
        assert irq.part_of == "vmalloc"
        assert irq.physical.value == space.percpu - 0xFFFF_8880_0000_0000 + 0x2000
        assert "irq_stack_backing_store (0x2000)" in evidence(space)["hardirq stack"]
    for space in guest_spaces(pvh):
        (turn,) = space.layout.named("hardirq stack")
        assert (turn.start, turn.physical) == (irq.start, None)
        assert "first slot" in evidence(space)["hardirq stack"]
    dom0, _ = guest_spaces(pv, kallsyms)
    (irq,) = dom0.layout.named("hardirq stack")
    assert irq.start == Gva(0xFFFF_C900_4000_0000)
    assert "P2M list" in evidence(dom0)["hardirq stack"]


def test_other_frames_are_no_hardirq_stack(pvh, kallsyms):
    """A first slot that is not the percpu area's: a kernel without CONFIG_VMAP_STACK."""
    mine = (pvh.walks.address >> np.uint64(14)) == np.uint64(0xFFFF_C900_0000_0000 >> 14)
    other = replace(pvh, walks=replace(pvh.walks, gfn=pvh.walks.gfn + mine.astype(np.uint64) * 8))
    for space in guest_spaces(other, kallsyms):
        assert "hardirq stack" not in evidence(space)
        assert space.layout.find(Gva(0xFFFF_C900_0000_3000)).name == "vmalloc"


def test_kernel_variables_are_named(pv, kallsyms):
    dom0 = summarise(pv, kallsyms).domains[0]
    places = {use.name: dict(use.places) for use in dom0.regions}
    assert places["percpu area"]["mc_buffer"] == 29971
    assert places["percpu boot area"]["mc_buffer (boot)"] == 4189
    assert places[".rodata"] == {"linux_banner": 2}
    (stack,) = [use for use in dom0.regions if use.kind is RegionKind.STACK]
    assert (stack.name, stack.buffers) == ("init_task's stack", 25041)


def test_identity_mapped_buffers_are_named(pvh, kallsyms):
    dom0 = summarise(pvh, kallsyms).domains[0]
    (identity,) = [use for use in dom0.regions if use.kind is RegionKind.IDENTITY]
    assert identity.places == (("early_stack", 4),)


def test_identity_from_the_stack_pointer_alone(pvh_callers):
    """No walks there: a low RSP in ring 0 says the same."""
    dom0 = summarise(pvh_callers).domains[0]
    (identity,) = [use for use in dom0.regions if use.kind is RegionKind.IDENTITY]
    assert identity.buffers == 4


def test_without_symbols_regions_still_add_up(pvh, kallsyms):
    named, plain = summarise(pvh, kallsyms), summarise(pvh)
    for with_symbols, without in zip(named.domains, plain.domains, strict=True):
        assert sum(u.buffers for u in with_symbols.regions) == sum(
            u.buffers for u in without.regions
        )
        assert not any(use.places for use in without.regions)


def test_accesses_logged_twice_have_no_walk_of_their_own(pvh, pv):
    """97,089 accesses and 97,091 walks: 3 accesses and 1 walk were logged twice."""
    rows = np.flatnonzero(logged_twice(pvh))
    assert pvh.calls.seq[pvh.accesses.call[rows]].tolist() == [5611, 16509, 24683]
    assert not logged_twice(pv).any()
    walks = pvh.walks
    last = (pvh.accesses.address + pvh.accesses.size - 1) >> np.uint64(12)
    pages = int((last - (pvh.accesses.address >> np.uint64(12)) + 1).sum())
    repeated = np.stack([walks.access.astype(np.uint64), walks.address])
    walks_twice = repeated.shape[1] - np.unique(repeated, axis=1).shape[1]
    assert walks_twice == 1
    assert pages - len(rows) == len(walks) - walks_twice

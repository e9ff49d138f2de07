"""A memory image as a guest: a built guest is dumped, and must then behave as it did."""

from __future__ import annotations

from dataclasses import replace

import dumps
import pytest
from dumps import LINEAR, TARGET
from elf_cores import Cpu, core

from xenexplore.addr import PAGE_SHIFT, PAGE_SIZE, Gfn, Gva
from xenexplore.errors import ImageError, MachineError, ScenarioError, UnsaidError
from xenexplore.guest.image_domain import image_domain
from xenexplore.guest.image_machine import image_spec
from xenexplore.guest.image_source import ImageSource
from xenexplore.guest.spare_pages import SparePages
from xenexplore.guest.spec import DUMPED_KERNEL, GuestSpec
from xenexplore.paging import READ, WRITE, walk
from xenexplore.paging.image_target import open_target
from xenexplore.scenario.run.build import build_domain
from xenexplore.scenario.run.runner import compare, run
from xenexplore.scenario.text.loader import load_scenario, parse_scenario
from xenexplore.scenario.text.writer import write_scenario
from xenexplore.steps import Fault, Move, PteRead, Status

DIRECTMAP = Gva(0xFFFF_8880_0000_0000)
PLACES = ("kmalloc", "vmalloc", "stack", "static", "percpu", "user")
TEXT = """\
name = "dumped"
title = "A version is asked for, and an event sent"
{guest}
[[buffer]]
name = "op"
{op}
struct = "evtchn_send"
fields = {{ port = 5 }}
[[buffer]]
name = "extra"
{extra}
[[buffer]]
name = "spare"
{spare}
[[action]]
do = "call"
hypercall = "event_channel_op send"
with = {{ arg = "@op" }}
user = {user}
[[action]]
do = "call"
hypercall = "xen_version extraversion"
with = {{ arg = "@extra" }}
user = {user}
"""


def dump(domain, path):
    """The guest's tables and the frames of its buffers, as QEMU would dump them."""
    buffers = {f for b in domain.buffers.values() for f in b.frames}
    frames = {Gfn(0), *domain.table_frames, *buffers, *(frame + 1 for frame in buffers)}
    pages = [
        (frame.value << PAGE_SHIFT, domain.memory.guest.read(frame.value << PAGE_SHIFT, PAGE_SIZE))
        for frame in sorted(frames)
    ]
    end = max(region.end for region in domain.ram)
    pages.append(((end - PAGE_SIZE), bytes(PAGE_SIZE)))
    state = domain.paging_state(0)
    path.write_bytes(core(pages, [Cpu(cr3=domain.vcpus[0].cr3.value, cr4=state.cr4)]))


def built_and_dumped(tmp_path, place):
    """The same scenario twice: with the guest built, and with its dump as the guest."""
    user = "true" if place == "user" else "false"
    words = {
        "guest": "[guest]\nmemory = 134217728",
        "op": f'place = "{place}"\noffset = 4092',
        "extra": f'place = "{place}"\nsize = 16\noffset = 4088'
        if place != "static"
        else 'place = "static"\nsize = 16',
        "spare": 'place = "kmalloc"\nsize = 65536',
        "user": user,
    }
    if place in ("static", "percpu", "stack"):
        words["op"] = f'place = "{place}"'
        words["extra"] = f'place = "{place}"\nsize = 16'
    built = parse_scenario(TEXT.format(**words))
    domain = build_domain(built)
    dump(domain, tmp_path / "core.elf")

    def fixed(name, size=""):
        return f'place = "fixed"\naddress = "{domain.buffers[name].va.hex()}"\n{size}'

    spare = domain.buffers["spare"]
    words |= {
        "guest": f'[guest]\nimage = "core.elf"\npkru = {domain.paging_state(0).pkru}\n'
        f'directmap = "{DIRECTMAP.hex()}"\nspare = "{spare.va.hex()}"\nspare_pages = 16\n'
        "maxphyaddr = 48",
        "op": fixed("op"),
        "extra": fixed("extra", "size = 16"),
        "spare": fixed("spare", "size = 65536"),
    }
    path = tmp_path / "dumped.toml"
    path.write_text(TEXT.format(**words))
    return built, load_scenario(str(path))


def moved(trace):
    return [
        (n.step.direction, n.step.gpa, n.step.size, n.step.right)
        for n in trace.steps
        if isinstance(n.step, Move)
    ]


@pytest.mark.parametrize("place", PLACES)
def test_every_design_moves_the_bytes_that_it_moved_in_the_guest_that_was_dumped(tmp_path, place):
    built, dumped = built_and_dumped(tmp_path, place)
    before = (tmp_path / "core.elf").read_bytes()
    alive, dead = compare(built), compare(dumped)
    verdicts = [(row.trace.option.name, row.trace.outcome.status) for row in alive.rows]
    assert [(row.trace.option.name, row.trace.outcome.status) for row in dead.rows] == verdicts
    assert sum(status is Status.RIGHT for _, status in verdicts) > 5
    for one, other in zip(alive.rows, dead.rows, strict=True):
        assert one.trace.outcome.result == other.trace.outcome.result
        assert one.trace.outcome.right_bytes == other.trace.outcome.right_bytes
    first, second = alive.rows[0].trace, dead.rows[0].trace
    assert moved(first) == moved(second)
    reads = [
        [n.step.entry for n in t.steps if isinstance(n.step, PteRead)] for t in (first, second)
    ]
    assert reads[0] == reads[1]
    assert (tmp_path / "core.elf").read_bytes() == before


def spec_of(path, **given):
    return GuestSpec(kernel=DUMPED_KERNEL, image=ImageSource(file=str(path), **given))


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "dump"
    path.write_bytes(core([(0, dumps.tables())]))
    return path


def test_xen_s_walk_is_the_image_s_walk(small):
    target, domain = open_target(small), image_domain(spec_of(small))
    state = domain.paging_state()
    for page in range(0, 0x20_0000, PAGE_SIZE):
        va = (LINEAR & -0x20_0000) + page + (page >> PAGE_SHIFT)
        for access in (READ, WRITE):
            ours = walk(domain.memory.hypervisor, state, va, access)
            theirs = target.walk(va, access)
            assert (ours.gpa, ours.end, ours.error_code) == (
                theirs.gpa,
                theirs.end,
                theirs.error_code,
            )
            assert [level.entry for level in ours.levels] == [
                level.entry for level in theirs.levels
            ]


def scenario(path, address, more="", guest=""):
    return parse_scenario(
        f'name = "x"\ntitle = "x"\n[guest]\nimage = "{path}"\n{guest}\n'
        f'[[buffer]]\nname = "op"\nplace = "fixed"\naddress = "{address:#x}"\nsize = 4\n'
        '[[action]]\ndo = "call"\nhypercall = "event_channel_op send"\nwith = { arg = "@op" }\n'
        + more
    )


def test_a_buffer_that_is_not_mapped_faults_as_the_image_says(small):
    trace = run(scenario(small, LINEAR + PAGE_SIZE))
    (fault,) = [node.step for node in trace.steps if isinstance(node.step, Fault)]
    expected = open_target(small).walk(LINEAR + PAGE_SIZE, READ)
    assert (fault.linear.value, fault.error_code) == (LINEAR + PAGE_SIZE, expected.error_code)
    assert trace.outcome.result == -14


def test_what_an_image_does_not_say_is_a_design_s_refusal(small):
    rows = {row.trace.option.name: row.trace for row in compare(scenario(small, LINEAR)).rows}
    assert rows["linear-walk"].outcome.status is Status.RIGHT
    for name, why in (("bounce", "free"), ("gfn-lists", "free"), ("giant-map", "directmap")):
        assert rows[name].outcome.status is Status.REFUSED
        assert why in rows[name].outcome.refusals[0]
    register = '[[option]]\nuse = "software-tlb"\nregister = ["stack"]\n'
    assert "kernel stack" in run(scenario(small, LINEAR, register)).outcome.refusals[0]


def test_memory_that_the_image_does_not_hold_is_no_fault(tmp_path):
    path = tmp_path / "dump"
    path.write_bytes(core([(0, dumps.tables()[: TARGET & -PAGE_SIZE])]))
    outcome = run(scenario(path, LINEAR)).outcome
    assert outcome.status is Status.REFUSED
    assert "gfn 0x9" in outcome.refusals[0]


def test_accessed_and_dirty_are_set_in_a_copy(tmp_path):
    pages = bytearray(dumps.tables())
    at = 6 * PAGE_SIZE + 8
    pages[at] = 0x03  # neither accessed nor dirty
    path = tmp_path / "dump"
    path.write_bytes(before := core([(0, bytes(pages))]))
    domain = image_domain(spec_of(path))
    domain.place("b", "fixed", 8, address=Gva(LINEAR), contents=b"12345678")
    assert domain.read(Gva(LINEAR), 8) == b"12345678"
    assert domain.memory.guest.read(at, 1)[0] == 0x63
    assert path.read_bytes() == before
    assert image_domain(spec_of(path)).read(Gva(LINEAR), 4) == b"here"


def test_changes_to_the_tables(small):
    domain = image_domain(spec_of(small, spare=Gva(LINEAR & -PAGE_SIZE), spare_pages=1))
    domain.place("b", "fixed", 8, address=Gva(LINEAR))
    assert domain.remap("b", frames=(Gfn(8),)).frames == (Gfn(8),)
    assert not domain.set_writable("b", False).writable
    with pytest.raises(UnsaidError, match="spare"):
        domain.remap("b", frames=None) and domain.remap("b", frames=None)
    domain.unmap("b")
    assert domain.frames_of("b") == (None,)
    domain.set_p2m_type(Gfn(9), "p2m_ram_paged")
    assert domain.memory.p2m.entry(9).mfn is None
    with pytest.raises(ImageError, match="gfn 0x99"):
        domain.set_p2m_type(Gfn(0x99), "p2m_ram_ro")


def test_a_pv_domain_s_dump(tmp_path):
    path = tmp_path / "pv"
    path.write_bytes(dumps.dump_core(pv=True))
    with pytest.raises(MachineError, match=r"expected type = .pv."):
        image_domain(spec_of(path))
    assert image_spec(path).type == "pv"
    trace = run(scenario(path, LINEAR, guest='type = "pv"'))
    assert trace.outcome.status is Status.RIGHT
    assert [move[1].value for move in moved(trace)] == [TARGET]


def test_image_spec_keeps_what_was_said(small):
    spec = image_spec(small, cr3="0x1000", pkru="55555554", la57=None, vcpus=1)
    assert (spec.image.cr3, spec.image.pkru, spec.vcpus) == (0x1000, 0x5555_5554, 1)
    assert image_domain(spec).spec.memory == 16 * PAGE_SIZE
    for known in (spec, image_domain(spec).spec):
        text = write_scenario(replace(scenario(small, LINEAR), guest=known))
        assert parse_scenario(text).guest == spec


@pytest.mark.parametrize(
    ("guest", "message"),
    [
        ('image = "none.elf"', "none.elf: No such file"),
        ('image = "dump"\nmemory = "96M"', "memory: expected no such field beside image"),
        ('cr3 = "0x1000"', "cr3: expected image = FILE"),
        ('image = "dump"\nspare = "0xffffc90000001000"', "expected both or neither"),
        ('image = "dump"\nspare = "0xffffc90000001000"\nspare_pages = 2', "page 1 .* not mapped"),
        ('image = "dump"\ndirectmap = "0xffffc90000000000"', "page tables map"),
        ('image = "dump"\nvcpus = 2', "vCPU 1"),
        ('image = "dump"\ntype = "pv"', "pvh"),
        ('image = "dump"\nmode = "5"', "maps other frames there: none"),
        ('image = "dump"\nmode = "pae"', "mode: expected one of 4, 5"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(small, guest, message):
    path = small.with_name("x.toml")
    path.write_text(
        f'name = "x"\ntitle = "x"\n[guest]\n{guest}\n[[buffer]]\nname = "b"\nplace = "fixed"\n'
        f'address = "{LINEAR:#x}"\nframes = ["0x9"]\nsize = 4\n'
    )
    with pytest.raises((ScenarioError, ImageError), match=message):
        run(load_scenario(str(path)))


def test_spare_pages_are_handed_out_once():
    spare = SparePages("x", [(0x1000, 7), (0x2000, 8), (0x3000, 9), (0x5000, 11), (0x6000, 3)])
    assert spare.take_linear(2) == 0x1000
    assert spare.take_frames(2, contiguous=False) == (3, 9)
    assert spare.take_frames(1, contiguous=True) == (11,)
    with pytest.raises(UnsaidError, match="none of its spare pages"):
        spare.take_linear(1)

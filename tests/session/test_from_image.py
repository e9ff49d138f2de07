"""A memory image is a guest at the prompt, on its own page tables; the file is not written."""

from __future__ import annotations

from pathlib import Path

import pytest
from elf_cores import Cpu, core

import xenexplore as xe
from xenexplore.addr import PAGE_SHIFT, PAGE_SIZE, Gfn

SEND = "event_channel_op send"


@pytest.fixture
def built() -> xe.Guest:
    guest = xe.Guest("linux", memory="128 MiB")
    guest.buffer("stack", struct="evtchn_send", port=5, name="send")
    return guest


@pytest.fixture
def file(built: xe.Guest, tmp_path: Path) -> Path:
    """The built guest's tables, and its buffer's frame and the next, as QEMU would dump them."""
    domain = built.domain
    send = domain.buffers["send"].frames[0]
    frames = sorted({Gfn(0), *domain.table_frames, send, send + 1})
    pages = [
        (frame.value << PAGE_SHIFT, domain.memory.guest.read(frame.value << PAGE_SHIFT, PAGE_SIZE))
        for frame in frames
    ]
    cpu = Cpu(cr3=domain.vcpus[0].cr3.value, cr4=domain.paging_state(0).cr4)
    path = tmp_path / "core.elf"
    path.write_bytes(core(pages, [cpu]))
    return path


@pytest.mark.parametrize("design", ["linear-walk", "number-bit"])
def test_a_call_on_a_dump_is_the_call_on_the_guest(
    built: xe.Guest, file: Path, design: str
) -> None:
    before = file.read_bytes()
    dumped = xe.Guest.from_image(file)
    send = built.buffers["send"]
    copy = dumped.buffer("fixed", 4, address=send.va, name="send")
    assert copy.gpa == send.gpa
    assert copy.data == send.data
    traces = [
        xe.Xen(guest, design).hypercall(SEND, arg=guest.buffers["send"])
        for guest in (built, dumped)
    ]
    first, second = (trace.outcome for trace in traces)
    assert (first.status, first.result, first.right_bytes) == ("right", 0, 4)
    assert (second.status, second.result, second.right_bytes) == ("right", 0, 4)
    assert first.calls.pte_reads == second.calls.pte_reads
    assert file.read_bytes() == before


def test_a_session_on_a_dump_is_a_scenario(file: Path, built: xe.Guest) -> None:
    dumped = xe.Guest.from_image(file)
    dumped.buffer("fixed", 4, address=built.buffers["send"].va, name="send")
    xen = xe.Xen(dumped, "software-tlb")
    xen.tlb[0].register("buffer:send")
    xen.hypercall(SEND, arg=dumped.buffers["send"])
    text = xen.scenario().text()
    assert f'image = "{file}"' in text
    assert xe.run(xe.parse(text), xen.design).to_json() == xen.trace.to_json()


def test_what_a_dump_lacks_ends_a_run_and_not_the_comparison(file: Path, built: xe.Guest) -> None:
    """The dump ends after the page behind the buffer: the first call stands, the second cannot."""
    domain = built.domain
    send = built.buffers["send"]
    built.buffer("kmalloc", 4, name="lost")
    lost = domain.buffers["lost"].frames[0]
    at, tables = domain.buffers["lost"].va.value, {*domain.table_frames}
    held = sorted({Gfn(0), *tables, domain.buffers["send"].frames[0]} - {lost})
    pages = [(f.value << PAGE_SHIFT, domain.memory.guest.read(f.value << PAGE_SHIFT, PAGE_SIZE))
             for f in held]  # fmt: skip
    cpu = Cpu(cr3=domain.vcpus[0].cr3.value, cr4=domain.paging_state(0).cr4)
    file.write_bytes(core(pages, [cpu]))
    buffers = "".join(
        f'[[buffer]]\nname = "{name}"\nplace = "fixed"\naddress = "{va:#x}"\nsize = 4\n'
        for name, va in (("send", send.va.value), ("lost", at))
    )
    calls = "".join(
        f'[[action]]\ndo = "call"\nhypercall = "{SEND}"\nwith = {{ arg = "@{name}" }}\n'
        for name in ("send", "lost")
    )
    text = f'name = "x"\ntitle = "x"\n[guest]\nimage = "{file}"\n{buffers}{calls}'
    rows = xe.compare(xe.parse(text), ["linear-walk", "number-bit", "software-tlb"]).rows
    for row in rows:
        outcome = row.trace.outcome
        assert (outcome.status, outcome.right_bytes) == ("refused", 4)
        [why] = outcome.refusals
        assert why.startswith(f"action 2 (call): {file}: gfn {lost.value:#x}: expected a frame")


def test_what_is_no_image_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "nothing"
    path.write_bytes(b"nothing")
    with pytest.raises(xe.ImageError, match="nothing"):
        xe.Guest.from_image(path)


def test_tables_and_p2m_of_a_dump_are_changed_in_a_copy(file: Path, built: xe.Guest) -> None:
    dumped, before = xe.Guest.from_image(file), file.read_bytes()
    send, copy = built.buffers["send"], dumped.buffer("fixed", 4, address=built.buffers["send"].va)
    leaf = dumped.page_tables.entry(copy)
    assert (leaf.frame, leaf.flags) == (send.frames[0], built.page_tables.entry(send).flags)
    leaf.clear("RW")
    assert "RW" not in dumped.page_tables.entry(copy).flags.split()
    assert dumped.p2m.runs
    assert dumped.domain.retyped_frames == frozenset()
    assert file.read_bytes() == before

"""Scatter/gather lists: layouts, levels, what does not fit, and a list that cannot be read."""

from __future__ import annotations

import pytest
from calls import Where, populate, run_call
from hypothesis import given
from hypothesis import strategies as st

from xenexplore.addr import PAGE_SIZE, Gfn, Gpa
from xenexplore.errors import MachineError
from xenexplore.guest.domain import Domain
from xenexplore.guest.spec import GuestSpec
from xenexplore.hypervisor.calls import GuestCall, HandleAccess, Located, Refused
from xenexplore.hypervisor.lists import LAYOUTS, ListHandles, build_list, locate_listed
from xenexplore.hypervisor.xen import Xen
from xenexplore.options.registry import make_option
from xenexplore.steps import Direction, Fault, ListRead


def _machine() -> Xen:
    return Xen(Domain(GuestSpec()), make_option("linear-walk"))


@given(
    layout=st.sampled_from(LAYOUTS),
    pages=st.integers(1, 40),
    head=st.integers(0, 4095),
    levels=st.sampled_from((1, 2)),
    data=st.data(),
)
def test_any_stretch_of_a_listed_buffer_is_found(
    layout: str, pages: int, head: int, levels: int, data: st.DataObject
) -> None:
    """Against the plain definition: byte n lies in piece k, at its distance."""
    xen = _machine()
    frames = xen.domain.alloc_frames(pages, contiguous=False)
    skip = 0 if layout == "aligned-array" else head
    pieces = tuple(
        (Gpa((frame.value << 12) + (skip if index == 0 else 0)), PAGE_SIZE - (skip, 0)[index > 0])
        for index, frame in enumerate(frames)
    )
    listed = build_list(
        xen,
        pieces,
        layout,
        levels,
        xen.domain.alloc_frames(2 + levels, contiguous=False),  # type: ignore[arg-type]
    )
    total = sum(size for _, size in pieces)
    offset = data.draw(st.integers(0, total - 1))
    size = data.draw(st.integers(1, total - offset))
    bytes_of = [gpa.value + n for gpa, length in pieces for n in range(length)]
    found: list[int] = []
    for piece in locate_listed(xen, listed, offset, size):
        assert isinstance(piece, Located)
        assert piece.gpa.page == (piece.gpa + (piece.size - 1)).page
        found += range(piece.gpa.value, piece.gpa.value + piece.size)
    assert found == bytes_of[offset : offset + size]


def test_an_array_is_indexed_and_tuples_are_scanned() -> None:
    xen = _machine()
    frames = xen.domain.alloc_frames(30, contiguous=False)
    pieces = tuple((Gpa(frame.value << 12), PAGE_SIZE) for frame in frames)
    cost = {}
    for layout in LAYOUTS:
        listed = build_list(xen, pieces, layout, 1, xen.domain.alloc_frames(1, contiguous=True))
        before = len(xen.nodes)
        list(locate_listed(xen, listed, 29 * PAGE_SIZE + 5, 8))
        cost[layout] = sum(isinstance(n.step, ListRead) for n in xen.nodes[before:])
    assert cost == {"gfn-array": 2, "aligned-array": 1, "tuples": 60}


def test_lists_that_cannot_be_built() -> None:
    xen = _machine()
    pages = xen.domain.alloc_frames(2, contiguous=True)
    many = tuple((Gpa(n << 12), PAGE_SIZE) for n in range(513))
    with pytest.raises(MachineError, match="single-level list"):
        build_list(xen, many, "aligned-array", 1, pages)
    with pytest.raises(MachineError, match="do not fit"):
        build_list(xen, many, "aligned-array", 2, pages)
    with pytest.raises(MachineError, match="page-aligned buffers"):
        build_list(xen, ((Gpa(8), 8),), "aligned-array", 1, pages)
    with pytest.raises(MachineError, match="cannot write its list page"):
        build_list(xen, ((Gpa(0), 8),), "gfn-array", 1, (Gfn(1 << 30),))
    handles = ListHandles()
    assert isinstance(handles.make(xen, ((None, 8),), "gfn-array"), Refused)
    assert isinstance(handles.make(xen, ((Gpa(8), 8),), "aligned-array"), Refused)
    huge = tuple((Gpa(n << 12), PAGE_SIZE) for n in range(512 * 512 + 1))
    assert isinstance(handles.make(xen, huge, "aligned-array"), Refused)


def test_a_list_page_that_xen_cannot_read_ends_the_copy() -> None:
    for layout in LAYOUTS:
        for levels in (1, 2):
            xen = _machine()
            frames = xen.domain.alloc_frames(3, contiguous=True)
            pieces = ((Gpa(frames[0].value << 12), 64),)
            listed = build_list(xen, pieces, layout, levels, frames[1:])
            xen.domain.set_p2m_type(frames[1], "p2m_mmio_dm")
            (only,) = locate_listed(xen, listed, 0, 8)
            assert isinstance(only, Fault)


def test_a_handle_that_names_no_list_is_a_fault() -> None:
    access = HandleAccess(
        direction=Direction.FROM, handle=1, size=8, role="x", current=0, subject=0, number=None
    )
    (only,) = ListHandles().locate(_machine(), access)
    assert isinstance(only, Fault)


def _big(domain: Domain, where: Where) -> GuestCall:
    return populate(domain, where, 600)


@pytest.mark.parametrize(
    ("option", "params"),
    [
        ("address-bits", {"layout": "gfn-array"}),
        ("address-bits", {"layout": "tuples"}),
        ("sg-policy", {"policy": "single"}),
        ("sg-policy", {"policy": "by-size", "layout": "tuples"}),
        ("gfn-lists", {}),
        ("gfn-lists", {"register": ["directmap"]}),
    ],
)
def test_large_scattered_buffers_reach_every_frame(option: str, params: dict[str, object]) -> None:
    ran = run_call(option, _big, Where("vmalloc", offset=0), params=params)
    assert ran.outcome.status == "right", ran.outcome
    assert ran.outcome.calls.list_reads > 0
    flat = run_call("number-bit", _big, Where("vmalloc", offset=0))
    assert flat.outcome.status == "wrong"
    assert flat.outcome.hazards == ("not contiguous",)


def test_aligned_lists_refuse_buffers_inside_a_page() -> None:
    params: dict[str, object] = {"layout": "aligned-array"}
    for option in ("address-bits", "sg-policy"):
        ran = run_call(option, _big, Where("vmalloc", offset=8), params=params)
        assert ran.outcome.status == "refused"
        assert "page-aligned buffers" in ran.outcome.refusals[0]

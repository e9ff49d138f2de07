"""Every kind of buffer in every kernel: what was placed is what the tables say."""

from __future__ import annotations

import contextlib
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xenexplore.addr import PAGE_SIZE, Gfn, Gva, gfn_to_gpa, split_pages
from xenexplore.errors import MachineError
from xenexplore.guest.domain import Domain
from xenexplore.guest.placement.buffers import KINDS
from xenexplore.guest.spec import GuestSpec
from xenexplore.paging import WRITE, walk

SPECS = {
    "linux": GuestSpec(),
    "linux-hvm": GuestSpec(type="hvm", memory=5 << 30, vcpus=2, p2m_order=18),
    "linux-la57": GuestSpec(la57=True, p2m_order=9),
    "linux-pv": GuestSpec(type="pv", memory=128 << 20, vcpus=2),
    "freebsd": GuestSpec(kernel="freebsd", vcpus=2),
    "no-directmap": GuestSpec(kernel="no-directmap"),
    "unikernel": GuestSpec(kernel="unikernel"),
    "linux-snp": GuestSpec(encryption="snp"),
}
_domains: dict[str, Domain] = {}
_names = itertools.count()


def domain_of(name: str) -> Domain:
    """One domain for each spec, in which the examples pile up."""
    if name not in _domains:
        _domains[name] = Domain(SPECS[name])
    return _domains[name]


def pages_of(buffer):
    return [size for _, size in split_pages(buffer.va, buffer.size)]


def place_any(name, kind, size, offset, vcpu=0):
    """Place; with more examples than a stack or an area has room for, in a fresh guest."""
    fixed = {"address": Gva(0x40_0000_0000 + (offset or 0)), "process": "recorded"}
    for _ in range(2):
        domain = domain_of(name)
        options = {"offset": offset}
        if kind == "fixed":
            pages = len(list(split_pages(fixed["address"], size)))
            options = fixed | {"frames": domain.alloc_frames(pages, contiguous=False)}
            if domain.spec.kernel != "unikernel":
                options["process"] = f"p{next(_names)}"
            else:
                del options["process"]
        with contextlib.suppress(MachineError):
            return domain, domain.place(f"b{next(_names)}", kind, size, vcpu=vcpu, **options)
        del _domains[name]
    return None


@settings(max_examples=400)
@given(data=st.data())
def test_tables_agree_with_the_record(data):
    name = data.draw(st.sampled_from(sorted(SPECS)))
    kind = data.draw(st.sampled_from(domain_of(name).kinds))
    size = data.draw(st.integers(1, 9000) | st.sampled_from([1, 8, 16, 32, 48, 4096]))
    offset = data.draw(st.none() | st.integers(0, 4095) | st.sampled_from([0, 4080, 4095]))
    vcpu = data.draw(st.integers(0, SPECS[name].vcpus - 1))
    found = place_any(name, kind, size, offset, vcpu)
    if found is None:  # a kernel stack with no room for this much at that offset
        assert kind in ("stack", "percpu")
        assert size > 4096
        return
    domain, buffer = found
    assert buffer.size == size
    if offset is not None:
        assert buffer.offset == offset
    where = {"process": buffer.process, "vcpu": vcpu}
    expected = [
        (gfn_to_gpa(frame) + at.offset, piece)
        for frame, (at, piece) in zip(buffer.frames, split_pages(buffer.va, size), strict=True)
    ]
    assert list(domain.truth(buffer.va, size, **where)) == expected
    consecutive = [b.value - a.value == 1 for a, b in itertools.pairwise(buffer.frames)]
    assert buffer.contiguous is all(consecutive)
    assert domain.frames_of(buffer.name) == buffer.frames
    assert list(buffer.pages) == [at.page for at, _ in split_pages(buffer.va, size)]
    for frame, alias in zip(buffer.frames, buffer.aliases, strict=True):
        assert alias == domain.directmap_of(frame)
        if alias is not None:
            assert domain.truth(alias, 1) == ((gfn_to_gpa(frame), 1),)


@settings(max_examples=200)
@given(data=st.data())
def test_xens_walk_finds_the_same_frames(data):
    name = data.draw(st.sampled_from([n for n in sorted(SPECS) if SPECS[n].encryption == "none"]))
    kind = data.draw(st.sampled_from(domain_of(name).kinds))
    size = data.draw(st.integers(1, 4096))
    found = place_any(name, kind, size, data.draw(st.none() | st.integers(0, 4095)))
    assert found is not None
    domain, buffer = found
    if buffer.process is not None:
        domain.switch(0, buffer.process)
    state = domain.paging_state(0, user_access=buffer.process is not None)
    reader = domain.memory.hypervisor if domain.spec.has_p2m else domain.memory.guest
    for (at, _), frame in zip(split_pages(buffer.va, size), buffer.frames, strict=True):
        result = walk(reader, state, at, WRITE)
        assert result.ok, result.end
        assert result.gpa == gfn_to_gpa(frame) + at.offset
    domain.switch(0, "init" if domain.spec.kernel != "unikernel" else "kernel")


@pytest.mark.parametrize("name", sorted(SPECS))
def test_buffers_never_overlap(name):
    domain = Domain(SPECS[name])
    kinds = [kind for kind in domain.kinds if kind != "fixed"]
    placed = [
        domain.place(f"{kind}{number}", kind, size, offset=offset)
        for number, (size, offset) in enumerate(
            [(48, None), (48, 4080), (5000, None), (48, 100), (300, None), (8, 0)]
        )
        for kind in kinds
    ]
    spans = sorted((b.va.value, b.va.value + b.size, b.name) for b in placed)
    for (_, end, one), (start, _, other) in itertools.pairwise(spans):
        assert end <= start, (one, other)


def test_contiguity_by_kind_on_linux():
    """kmalloc, per-CPU and static memory is contiguous; nothing else promises to be."""
    domain = Domain(GuestSpec())
    kinds = [kind for kind in domain.kinds if kind != "fixed"]
    whole = {kind for kind in kinds if domain.place(kind, kind, 3 * PAGE_SIZE, offset=0).contiguous}
    assert whole == {"kmalloc", "percpu", "static"}


def test_regions_by_kind_on_linux():
    domain = Domain(GuestSpec())
    found = {
        kind: domain.layout.find(domain.place(kind, kind, 64).va).name
        for kind in domain.kinds
        if kind != "fixed"
    }
    assert found == {
        "kmalloc": "directmap",
        "stack": "vmalloc",
        "vmalloc": "vmalloc",
        "percpu": "percpu",
        "static": "image data",
        "module": "modules",
        "user": "user",
        "privcmd": "user",
    }


def test_small_kmalloc_never_straddles_a_page():
    domain = Domain(GuestSpec())
    for number, size in enumerate([8, 16, 24, 40, 48, 96, 192, 500, 2049, 4096] * 8):
        assert not domain.place(f"b{number}", "kmalloc", size).straddles


def test_large_kmalloc_is_aligned_to_its_order():
    domain = Domain(GuestSpec())
    frames = domain.place("b", "kmalloc", 5 * PAGE_SIZE).frames
    assert len(frames) == 5
    assert frames[0].value % 8 == 0


def test_stack_buffers_grow_down_and_the_guard_page_is_not_mapped():
    domain = Domain(GuestSpec())
    stack = domain.vcpus[0].kernel_stack
    one = domain.place("one", "stack", 48)
    two = domain.place("two", "stack", 48)
    assert stack < two.va < one.va < stack + domain.stack_size
    assert domain.truth(stack + domain.stack_size, 1) == ((None, 1),)
    frames = [gpa.value >> 12 for gpa, _ in domain.truth(stack, domain.stack_size)]
    assert all(b != a + 1 for a, b in itertools.pairwise(frames))


def test_threads_of_one_process_have_a_stack_each():
    domain = Domain(GuestSpec(vcpus=2))
    one = domain.place("one", "stack", 48, vcpu=0)
    two = domain.place("two", "stack", 48, vcpu=1)
    other = domain.place("other", "stack", 48, vcpu=0, process="other")
    assert len({b.va.page.value >> 14 for b in (one, two, other)}) == 3


def test_user_buffers_of_two_processes_may_share_an_address():
    domain = Domain(GuestSpec())
    one = domain.place("one", "user", 64, process="one", contents=b"one")
    two = domain.place("two", "user", 64, process="two", contents=b"two")
    assert one.va == two.va
    assert one.frames != two.frames
    assert domain.read(one.va, 3, process="one") == b"one"
    assert domain.read(one.va, 3, process="two") == b"two"
    assert domain.truth(one.va, 3, process="init") == ((None, 3),)


def test_user_pages_are_untouched_until_the_process_writes():
    domain = Domain(GuestSpec())
    fresh = domain.place("fresh", "user", 8)
    written = domain.place("written", "user", 8, contents=b"x")
    flags = [
        walk(domain.memory.guest, domain.paging_state(0, user_access=True), b.va).levels[-1].flags
        for b in (fresh, written)
    ]
    assert flags == ["P RW US NX", "P RW US A D NX"]


def test_fixed_places_as_a_recording_names_them():
    domain = Domain(GuestSpec())
    vmalloc = Gva(0xFFFF_C900_0005_BD70)
    buffer = domain.place("b", "fixed", 16, address=vmalloc, frames=(Gfn(0x29EB),))
    assert (buffer.va, buffer.process) == (vmalloc, None)
    assert domain.truth(vmalloc, 16, process="other")[0][0].value == 0x29E_BD70
    user = Gva(0x7F12_3456_7FF8)
    buffer = domain.place(
        "u", "fixed", 16, address=user, frames=(Gfn(0x5000), Gfn(0x4000)), process="xl"
    )
    assert buffer.process == "xl"
    assert not buffer.contiguous
    # Early boot runs identity-mapped, in the kernel's own space, on supervisor pages.
    early = domain.place(
        "e", "fixed", 8, address=Gva(0x314_8280), frames=(Gfn(0x3148),), process="kernel"
    )
    domain.switch(0, "kernel")
    assert walk(domain.memory.hypervisor, domain.paging_state(0), early.va, WRITE).ok


def test_fixed_may_replace_part_of_the_directmap():
    domain = Domain(GuestSpec())
    inside = Gva(0xFFFF_8880_1000_0000)
    domain.place("b", "fixed", 16, address=inside, frames=(Gfn(0x5000),))
    assert domain.truth(inside, 1)[0][0].value == 0x500_0000
    assert domain.truth(inside + 4096, 1)[0][0].value == 0x1000_1000
    assert domain.truth(inside - 4096, 1)[0][0].value == 0x0FFF_F000


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("kmaloc", {}, "no kind of place 'kmaloc': .* did you mean 'kmalloc'"),
        ("kmalloc", {"size": 0}, "a size of 0 bytes: expected at least 1"),
        ("kmalloc", {"size": -4}, "a size of -4 bytes"),
        ("kmalloc", {"size": 1.5}, "a size of 1.5 bytes"),
        ("kmalloc", {"offset": 4096}, "offset 4096: expected 0 to 4095"),
        ("kmalloc", {"offset": -1}, "offset -1"),
        ("kmalloc", {"offset": 1, "address": Gva(4096)}, "an address or an offset, not both"),
        ("kmalloc", {"contents": b"123456789"}, "contents do not fit in 8 bytes"),
        ("kmalloc", {"shared": False}, "not encrypted: all its memory is accessible"),
        ("kmalloc", {"vcpu": 1}, "no vCPU 1: the guest has 1, from 0"),
        ("kmalloc", {"address": Gva(0x8000_0000_0000)}, "not a canonical linear address"),
        ("kmalloc", {"address": Gva(0x7FFF_FFFF_FFFC)}, "not a canonical linear address"),
        ("kmalloc", {"address": Gva(0x1000)}, "not RAM.s directmap address"),
        ("kmalloc", {"frames": (Gfn(0x9000), Gfn(0x9001))}, "touches 1 pages, got 2 frames"),
        ("kmalloc", {"frames": (Gfn(0x90000),)}, "frame 0x90000 is not RAM of this guest"),
        (
            "kmalloc",
            {"size": 5000, "frames": (Gfn(0x9000), Gfn(0x9002))},
            "kmalloc memory has consecutive frames",
        ),
        (
            "kmalloc",
            {"address": Gva(0xFFFF_8880_0900_0000), "frames": (Gfn(0x9000),)},
            "the address of kmalloc memory determines its frames",
        ),
        ("static", {"frames": (Gfn(0x9000),)}, "the address of static memory determines"),
        ("static", {"size": 64 << 20}, "no room in the image's data"),
        ("static", {"address": Gva(0xFFFF_FFFF_8100_0000)}, "is not inside the image's data"),
        ("percpu", {"size": 3 << 20}, "no room in the per-CPU area of vCPU 0"),
        ("percpu", {"address": Gva(0xFFFF_8880_0900_0000)}, "is not inside the per-CPU area"),
        ("stack", {"size": 16384}, "no room in a kernel stack of 16384 bytes"),
        ("stack", {"address": Gva(0xFFFF_C900_1000_0000)}, "is not inside a kernel stack"),
        (
            "vmalloc",
            {"address": Gva(0xFFFF_FFFF_8100_0000)},
            "something is mapped at .* already",
        ),
        ("vmalloc", {"address": Gva(0x1000)}, "0x1000 is not a kernel address"),
        ("vmalloc", {"size": 2 << 40}, "no room for 536870912 pages in vmalloc"),
        ("user", {"address": Gva(0xFFFF_C900_1000_0000)}, "is not in a process's user half"),
        ("fixed", {}, "a fixed place needs address and frames"),
        ("fixed", {"address": Gva(0x1000), "frames": ()}, "touches 1 pages, got 0 frames"),
    ],
)
def test_refusals(kind, options, message):
    domain = domain_of("linux")
    size = options.pop("size", 8)
    try:
        with pytest.raises(MachineError, match=message):
            domain.place("refused", kind, size, **options)
    finally:
        options["size"] = size
    assert "refused" not in domain.buffers


def test_a_name_is_used_once():
    domain = Domain(GuestSpec())
    domain.place("b", "kmalloc", 8)
    with pytest.raises(MachineError, match="buffer 'b': the name is in use"):
        domain.place("b", "kmalloc", 8)


def test_kinds_are_all_explained():
    assert set(KINDS) == set(Domain(GuestSpec()).kinds)
    for kind in KINDS:
        if kind not in domain_of("unikernel").kinds:
            with pytest.raises(MachineError, match=f"kernel 'unikernel' '{kind}' \\(it"):
                domain_of("unikernel").place("x", kind, 8)


def test_explicit_addresses_where_the_kind_lives():
    domain = Domain(GuestSpec())
    static = domain.place("frame_list", "static", 4096, address=Gva(0xFFFF_FFFF_8408_4880))
    assert [f.value for f in static.frames] == [0x4084, 0x4085]
    stack = domain.place("s", "stack", 16, address=domain.vcpus[0].kernel_stack + 0x2FF8)
    assert stack.straddles
    heap = domain.place("h", "kmalloc", 16, address=Gva(0xFFFF_8880_0900_0010))
    assert heap.frames == (Gfn(0x9000),)
    percpu = domain.place("p", "percpu", 16, address=domain.vcpus[0].percpu + 0x3_2000)
    assert percpu.aliases == (percpu.va.page,)
    frames = domain.place("f", "kmalloc", 16, frames=(Gfn(0xA000),))
    assert frames.frames == (Gfn(0xA000),)
    module = domain.place("m", "module", 16, address=Gva(0xFFFF_FFFF_C010_0000))
    assert module.va == Gva(0xFFFF_FFFF_C010_0000)


@pytest.mark.parametrize(("kind", "process"), [("user", "app"), ("vmalloc", "init")])
def test_explicit_addresses_are_not_handed_out_again(kind, process):
    domain = Domain(GuestSpec())
    first = domain.place("probe", kind, 8, offset=0, process=process)
    taken = [first.va + 2 * PAGE_SIZE, first.va + 3 * PAGE_SIZE]
    for number, va in enumerate(taken):
        domain.place(f"exact{number}", kind, 8, address=va, process=process)
    later = domain.place("later", kind, 8, offset=0, process=process)
    assert later.va == first.va + 4 * PAGE_SIZE
    with pytest.raises(MachineError, match="something is mapped at"):
        domain.place("again", kind, 8, address=taken[0], process=process)


def test_a_buffer_knows_its_range():
    buffer = Domain(GuestSpec()).place("b", "vmalloc", 100, offset=4090)
    assert buffer.straddles
    assert buffer.range.covers(buffer.va + 99, 1)
    assert not buffer.range.covers(buffer.va + 100, 1)

"""The other kernels: page sizes, rights and places, from their sources."""

from __future__ import annotations

import itertools

import pytest

from xenexplore.addr import Gva
from xenexplore.errors import MachineError
from xenexplore.guest.domain import Domain
from xenexplore.guest.kernel_names import kernel_names
from xenexplore.guest.kernels import kernel_for
from xenexplore.guest.kernels.layout import BootMapping, cut
from xenexplore.guest.physical import Physical
from xenexplore.guest.spec import GuestSpec
from xenexplore.paging import FETCH, READ, WRITE, WalkEnd, walk

MIB, GIB = 1 << 20, 1 << 30
DMAP, KERNBASE = 0xFFFF_F800_0000_0000, 0xFFFF_FFFF_8000_0000
# Every kernel that there is, below and above the first GiB; and what is particular to some.
SPECS = [
    *(
        GuestSpec(kernel=kernel, memory=memory, type=kind)
        for kernel in kernel_names()
        for memory in (96 * MIB, 2 * GIB)
        for kind in ("pvh", "hvm")
    ),
    GuestSpec(),
    GuestSpec(memory=96 * MIB),
    GuestSpec(memory=9 * GIB, vcpus=128),
    GuestSpec(type="hvm"),
    GuestSpec(type="hvm", memory=5 * GIB, gib_pages=False),
    GuestSpec(type="pv", memory=96 * MIB),
    GuestSpec(la57=True),
    GuestSpec(kernel="freebsd"),
    GuestSpec(kernel="freebsd", memory=96 * MIB),
    GuestSpec(kernel="freebsd", memory=9 * GIB),
    GuestSpec(kernel="freebsd", memory=9 * GIB, gib_pages=False),
    GuestSpec(kernel="unikernel"),
    GuestSpec(kernel="unikernel", type="hvm", memory=9 * GIB, vcpus=2),
    GuestSpec(kernel="no-directmap", vcpus=3),
    GuestSpec(kernel="no-directmap", la57=True),
]


def ask(domain, va, access=READ):
    return walk(domain.memory.hypervisor, domain.paging_state(0), va, access)


@pytest.mark.parametrize("spec", SPECS, ids=repr)
class TestEveryKernel:
    def test_boot_mappings_are_aligned_disjoint_and_in_ram(self, spec):
        physical = Physical(spec)
        kernel = kernel_for(spec, physical)
        spans = []
        for part in kernel.boot_mappings():
            assert part.frames > 0
            assert part.frames % (1 << part.order) == 0
            assert (part.va >> 12 | part.pfn) % (1 << part.order) == 0
            spans.append((part.va, part.va + (part.frames << 12)))
            if spec.kernel != "freebsd":  # its direct map reaches past RAM
                assert physical.is_ram(part.pfn)
                assert physical.is_ram(part.pfn + part.frames - 1)
        spans.sort()
        assert all(end <= start for (_, end), (start, _) in itertools.pairwise(spans))

    def test_reserved_ram_is_ram_and_disjoint(self, spec):
        physical = Physical(spec)
        held = sorted(
            (region.range.start.value, region.range.end)
            for region in kernel_for(spec, physical).reserved()
        )
        assert all(end <= start for (_, end), (start, _) in itertools.pairwise(held))
        assert all(physical.is_ram(start >> 12) for start, _ in held)

    def test_regions_with_a_physical_address_are_mapped_there(self, spec):
        domain = Domain(spec)
        for region in domain.regions:
            if region.physical is None or region.name == "directmap without RAM":
                continue
            for at in (0, region.size // 2 & ~0xFFF, region.size - 4096):
                found = domain.truth(region.start + at, 1)
                assert found == ((region.physical + at, 1),), region

    def test_reserved_frames_are_never_given_out(self, spec):
        domain = Domain(spec)
        kernel = kernel_for(spec, Physical(spec))
        held = [(r.range.start.value >> 12, r.range.end >> 12) for r in kernel.reserved()]
        taken = [*domain.alloc_frames(64, contiguous=True), *domain.table_frames[1:]]
        taken += domain.alloc_frames(64, contiguous=False)
        assert len(set(taken)) == len(taken)
        if spec.has_p2m:
            assert not any(low <= f.value < high for f in taken for low, high in held)
            assert all(kernel.physical.is_ram(f.value) for f in taken)

    def test_every_vcpu_has_a_stack_of_its_own(self, spec):
        domain = Domain(spec)
        size = domain.stack_size
        stacks = sorted(vcpu.kernel_stack.value for vcpu in domain.vcpus)
        assert all(b - a >= size for a, b in itertools.pairwise(stacks))
        for vcpu in domain.vcpus[:4]:
            assert None not in [gpa for gpa, _ in domain.truth(vcpu.kernel_stack, size)]
            assert vcpu.kernel_stack.value < vcpu.registers["rsp"] < vcpu.kernel_stack.value + size


def test_freebsd_maps_at_least_4_gib_though_there_is_less_ram():
    domain = Domain(GuestSpec(kernel="freebsd"))
    result = walk(domain.memory.guest, domain.paging_state(0), DMAP + 4 * GIB - 4096)
    assert (result.page_size, result.gpa_value) == (2 * MIB, 4 * GIB - 4096)
    assert walk(domain.memory.guest, domain.paging_state(0), DMAP + 4 * GIB).end is (
        WalkEnd.NOT_PRESENT
    )


def test_freebsd_1_gib_pages_where_ram_is_whole_and_not_over_the_kernel():
    domain = Domain(GuestSpec(kernel="freebsd", memory=9 * GIB))
    state = domain.paging_state(0)
    sizes = [walk(domain.memory.guest, state, DMAP + gib * GIB).page_size for gib in range(10)]
    # Maxmem is the top of RAM, 9.25 GiB: the holes below it count as memory here.
    assert sizes == [2 * MIB] + [GIB] * 8 + [2 * MIB]
    assert walk(domain.memory.guest, state, DMAP + 10 * GIB).end is WalkEnd.NOT_PRESENT


@pytest.mark.parametrize(("gib_pages", "protected"), [(True, True), (False, False)])
def test_freebsd_text_is_read_only_in_the_direct_map_only_beside_1_gib_pages(gib_pages, protected):
    domain = Domain(GuestSpec(kernel="freebsd", memory=2 * GIB, gib_pages=gib_pages))
    assert ask(domain, KERNBASE + 0x20_0000, FETCH).ok
    assert ask(domain, KERNBASE + 0x20_0000, WRITE).end is WalkEnd.READ_ONLY
    assert ask(domain, DMAP + 0x20_0000, FETCH).end is WalkEnd.NO_EXECUTE
    assert ask(domain, DMAP + 0x20_0000, WRITE).ok is not protected


def test_freebsd_mallocs_up_to_a_page_in_the_direct_map_and_more_outside():
    domain = Domain(GuestSpec(kernel="freebsd"))
    small = domain.place("small", "kmalloc", 4096)
    large = domain.place("large", "kmalloc", 4097)
    straddling = domain.place("straddling", "kmalloc", 48, offset=4080)
    exact = domain.place("exact", "kmalloc", 16, address=Gva(DMAP + 0x500_0000))
    assert domain.layout.find(small.va).name == "directmap"
    assert domain.layout.find(large.va).name == "kernel map"
    assert not large.contiguous
    assert domain.layout.find(straddling.va).name == "kernel map"
    assert exact.frames[0].value == 0x5000


def test_freebsd_percpu_of_cpu_0_follows_the_image_and_the_others_are_mapped():
    domain = Domain(GuestSpec(kernel="freebsd", vcpus=2))
    first = domain.place("first", "percpu", 8192, vcpu=0)
    second = domain.place("second", "percpu", 8192, vcpu=1)
    assert first.contiguous
    assert domain.layout.find(first.va).name == "percpu of CPU 0"
    assert not second.contiguous
    assert domain.layout.find(second.va).name == "percpu"


def test_freebsd_thread0_runs_on_a_stack_in_the_image():
    domain = Domain(GuestSpec(kernel="freebsd"))
    assert domain.layout.find(domain.vcpus[0].kernel_stack).name == "stacks"
    domain.switch(0, "kernel")
    assert domain.layout.find(domain.vcpus[0].kernel_stack).name == "stack of thread0"


def test_unikernel_is_identity_mapped_and_everything_is_writable_and_executable():
    domain = Domain(GuestSpec(kernel="unikernel", memory=6 * GIB))
    sizes = {0: 4096, 2 * MIB: 2 * MIB, GIB: GIB, 4 * GIB: GIB, 6 * GIB: 2 * MIB}
    for va, size in sizes.items():
        result = ask(domain, va)
        assert (result.gpa_value, result.page_size) == (va, size)
        assert ask(domain, va, WRITE).ok
        assert ask(domain, va, FETCH).ok


def test_unikernel_ignores_read_only_mappings_for_want_of_cr0_wp():
    domain = Domain(GuestSpec(kernel="unikernel"))
    buffer = domain.place("b", "kmalloc", 8, writable=False)
    assert not buffer.writable
    assert ask(domain, buffer.va, WRITE).ok


def test_unikernel_boot_stacks_run_out_and_further_ones_come_from_the_heap():
    domain = Domain(GuestSpec(kernel="unikernel", vcpus=70))
    last = domain.place("b", "stack", 64, vcpu=69)
    assert last.contiguous
    assert last.va.value == last.frames[0].value << 12 | last.va.offset
    assert domain.layout.find(domain.vcpus[63].kernel_stack).name == "boot stacks"
    assert domain.layout.find(domain.vcpus[64].kernel_stack).name == "identity"


def test_unikernel_has_one_address_space():
    domain = Domain(GuestSpec(kernel="unikernel"))
    assert list(domain.processes) == ["kernel"]
    with pytest.raises(MachineError, match=r"no process 'init' .*one address space.*kernel"):
        domain.process("init")
    with pytest.raises(MachineError, match=r"it has no processes.*expected one of kmalloc"):
        domain.place("b", "user", 8)


def test_a_kernel_with_no_directmap_has_no_alias_for_any_frame():
    domain = Domain(GuestSpec(kernel="no-directmap"))
    assert domain.linear_region("directmap") is None
    for kind in ("kmalloc", "vmalloc", "static", "user"):
        buffer = domain.place(kind, kind, 5000)
        assert buffer.aliases == (None,) * len(buffer.frames)
        assert buffer.contiguous is (kind == "static")


def test_cut_uses_the_largest_pages_that_fit():
    run = BootMapping(va=0x1000, pfn=1, frames=(1 << 19) + 5)
    sizes = [(part.order, part.frames) for part in cut(run, 18)]
    assert sizes == [(0, 511), (9, (1 << 18) - 512), (18, 1 << 18), (0, 6)]
    assert [part.order for part in cut(run, 0)] == [0]


def test_linux_maps_the_vga_window_with_the_first_mib_though_it_is_no_ram():
    domain = Domain(GuestSpec(type="hvm"))
    window = 0xFFFF_8880_000A_0000
    assert walk(domain.memory.guest, domain.paging_state(0), window).gpa_value == 0xA_0000
    assert domain.memory.guest.read(0xA_0000, 1) is None
    assert domain.memory.guest.read(0x9_F000, 1) == b"\0"

"""The machine that a memory image describes: vCPUs, memory, kind of guest."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import takewhile
from os import PathLike, fspath, stat
from typing import Any

from xenexplore.addr import PAGE_SHIFT, Gpa, Gva, Range
from xenexplore.errors import MachineError
from xenexplore.guest.image_source import IMAGE_MODES, ImageSource
from xenexplore.guest.layout.regions import Region, RegionKind
from xenexplore.guest.physical import GpaRegion
from xenexplore.guest.spec import DUMPED_KERNEL, GuestSpec, GuestType
from xenexplore.guest.vcpus import Vcpu
from xenexplore.memory.image import Image, ImageSpace
from xenexplore.paging import Mode
from xenexplore.paging.image_state import ImageState, Told, image_state
from xenexplore.paging.image_target import MODE_NAMES, ImageTarget, open_target

__all__ = [
    "frame_range",
    "halves",
    "held_regions",
    "image_spec",
    "image_vcpu",
    "open_source",
    "validate_guest",
    "vcpu_states",
]

_MOST_RUNS = 256


def image_spec(
    file: str | PathLike[str],
    *,
    kind: GuestType | None = None,
    vcpus: int | None = None,
    directmap: int | Gva | None = None,
    spare: int | Gva | None = None,
    spare_pages: int = 0,
    p2m_order: int = 0,
    **keywords: Any,
) -> GuestSpec:
    """The spec of a guest that is a memory image.

    Args:
        file: the image.
        kind: the guest's type; None: ``"pv"`` if its page tables hold machine frames,
            else ``"pvh"``.
        vcpus: how many of the image's vCPUs; None: all from the chosen one on that are in
            its paging mode.
        directmap: linear address of guest-physical address 0 in its directmap.
        spare: linear address of memory that designs may use.
        spare_pages: how many 4 KiB pages that is.
        p2m_order: log2 of the frames that a P2M entry maps.
        **keywords: as :func:`~xenexplore.paging.image_target.open_target` takes them.

    Raises:
        ImageError: the image cannot be read or does not say where its page tables are.
        MachineError: it is not an image of a 64-bit guest of this type.
        OSError: the file cannot be opened.
    """
    target = open_target(file, **keywords)
    first = keywords.get("vcpu") or 0
    names = {mode: name for name, mode in IMAGE_MODES.items()}
    mode = keywords.get("mode")
    if keywords.get("la57") is not None:
        mode = Mode.LEVEL5 if keywords["la57"] else Mode.LEVEL4
    registers = keywords.get("registers")
    source = ImageSource(
        file=fspath(file),
        cr3=None if keywords.get("cr3") is None else target.state.cr3,
        first_vcpu=first,
        registers=None if registers is None else fspath(registers),
        raw=bool(keywords.get("raw")),
        mode=None if mode is None else names.get(mode, mode.value),
        c_bit=keywords.get("c_bit"),
        pkru=target.state.pkru if target.known.pkru_known else None,
        maxphyaddr=keywords.get("maxphyaddr"),
        directmap=Gva(directmap) if isinstance(directmap, int) else directmap,
        spare=Gva(spare) if isinstance(spare, int) else spare,
        spare_pages=spare_pages,
        limit=keywords.get("limit"),
    )
    spec = GuestSpec(
        type=kind or ("pv" if target.space is ImageSpace.MACHINE else "pvh"),
        kernel=DUMPED_KERNEL,
        vcpus=vcpus or _alike(source, target),
        p2m_order=p2m_order,
        image=source,
    )
    validate_guest(spec, target)
    return spec


def _alike(source: ImageSource, target: ImageTarget) -> int:
    """Number of vCPUs from the first on that are in its paging mode."""
    count = max(len(target.image.vcpus) - source.first_vcpu, 1)
    states = vcpu_states(source, target, count)
    return sum(1 for _ in takewhile(lambda one: one.state.mode is target.state.mode, states))


def open_source(source: ImageSource) -> ImageTarget:
    """The image that a guest is to be, with the state of its first vCPU.

    Raises:
        ImageError: it cannot be read, or has no such vCPU, or does not say where its
            page tables are.
        OSError: the file cannot be opened.
    """
    about = stat(source.path(source.file))
    return _opened(source, source.folder, (about.st_mtime_ns, about.st_size, about.st_ino))


@lru_cache(maxsize=1)
def _opened(source: ImageSource, folder: str, version: tuple[int, int, int]) -> ImageTarget:
    """Opened once for the runs of a comparison: an image is read only."""
    del folder, version  # they tell one from another
    return open_target(
        source.path(source.file),
        cr3=source.cr3,
        vcpu=source.first_vcpu or None,
        raw=source.raw,
        registers=None if source.registers is None else source.path(source.registers),
        mode=None if source.mode is None else IMAGE_MODES[source.mode],
        c_bit=source.c_bit,
        pkru=source.pkru,
        maxphyaddr=source.maxphyaddr,
        limit=source.limit,
    )


def vcpu_states(source: ImageSource, target: ImageTarget, count: int) -> Iterator[ImageState]:
    """The states of the image's vCPUs, from the first of the guest on.

    Raises:
        ImageError: the image has fewer vCPUs.
    """
    yield target.known
    mode = None if source.mode is None else IMAGE_MODES[source.mode]
    told = Told(
        cr3=source.cr3,
        mode=mode,
        c_bit=source.c_bit,
        pkru=source.pkru,
        maxphyaddr=source.maxphyaddr,
    )
    for number in range(source.first_vcpu + 1, source.first_vcpu + count):
        yield image_state(target.image, target.image.vcpu(number), told)


def validate_guest(spec: GuestSpec, target: ImageTarget) -> None:
    """Whether the model can take an image for a guest of this type."""
    image, mode = target.image, target.state.mode
    if mode not in (Mode.LEVEL4, Mode.LEVEL5):
        raise MachineError(
            f"{image.name} uses {MODE_NAMES[mode]}: 64-bit hypercalls are made with 4-level or "
            "5-level paging; set mode if the image is wrong"
        )
    machine = target.space is ImageSpace.MACHINE
    if machine == spec.has_p2m:
        tables = "machine frames, as a PV guest's" if machine else "guest frames"
        wanted = 'type = "pv"' if machine else 'type = "pvh" or "hvm"'
        raise MachineError(f"the page tables of {image.name} hold {tables}: expected {wanted}")


def image_vcpu(index: int, process: str, root: Gpa, image: Image, number: int) -> Vcpu:
    """A vCPU with the registers of the image's vCPU of that number, as far as it has them."""
    vcpu = Vcpu(index=index, process=process, cr3=root, kernel_stack=Gva(0), percpu=Gva(0))
    if number < len(image.vcpus):
        registers = image.vcpus[number]
        vcpu.registers |= {
            "rip": registers.rip, "rsp": registers.rsp, "rflags": registers.rflags,
        }  # fmt: skip
    return vcpu


def frame_range(first: int, end: int) -> Range[Gpa]:
    """A run of frames, by bytes."""
    return Range(Gpa(first << PAGE_SHIFT), end - first << PAGE_SHIFT)


def held_regions(runs: tuple[tuple[int, int], ...], has_p2m: bool) -> Iterator[GpaRegion]:
    """Contents of the image, as regions; a single one where there are too many to list."""
    what = "memory contained in the image"
    if len(runs) > _MOST_RUNS:
        pieces = sum(end - first for first, end in runs)
        what += f": {pieces} frames in {len(runs)} runs"
        runs = ((runs[0][0], runs[-1][1]),)
    kind = "ram" if has_p2m else "kernel"
    for number, run in enumerate(runs):
        name = f"held {number}" if number else "held"
        yield GpaRegion(name=name, range=frame_range(*run), kind=kind, what=what)


def halves(mode: Mode) -> list[Region]:
    """Everything that an image states about its linear address space, without a search."""
    size = 1 << mode.linear_bits - 1
    return [
        Region("lower half", Gva(0), size, RegionKind.OTHER),
        Region("upper half", Gva((1 << 64) - size), size, RegionKind.OTHER),
    ]

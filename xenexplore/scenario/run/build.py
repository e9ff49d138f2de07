"""Build the machine of a scenario: a domain with its buffers placed and filled."""

from __future__ import annotations

from xenexplore.addr import PAGE_SHIFT, Gfn
from xenexplore.errors import AddressError, MachineError, ScenarioError
from xenexplore.guest.domain import Domain
from xenexplore.guest.spec import GuestSpec, no_such
from xenexplore.hypercalls.releases import DEFAULT
from xenexplore.scenario.model.contents import contents_bytes
from xenexplore.scenario.model.scenario import BufferSpec, Scenario
from xenexplore.scenario.model.values import Reference, Value
from xenexplore.scenario.run.guest_snapshot import GuestSnapshot, P2mRun, VcpuView

__all__ = ["build_domain", "domain_of", "fill", "place", "resolve", "view_of"]


def build_domain(scenario: Scenario) -> Domain:
    """A guest after the scenario's spec, its buffers placed in order, then filled.

    Raises:
        ScenarioError: the guest has no such place, or a buffer cannot be put
            where the text says; names the buffer's line.
    """
    try:
        domain = domain_of(scenario.guest, scenario.xen)
    except (MachineError, AddressError) as error:
        raise ScenarioError(
            scenario.source, "guest", expected="a guest that can be built", got=str(error)
        ) from None
    except OSError as error:
        got = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        raise ScenarioError(
            scenario.source, "guest", expected="an image that can be opened", got=got
        ) from None
    for spec in scenario.buffers:
        try:
            place(domain, spec)
        except (MachineError, AddressError) as error:
            raise _cannot(scenario, spec, error) from None
    for spec in scenario.buffers:
        try:
            fill(domain, spec)
        except (MachineError, AddressError) as error:
            raise _cannot(scenario, spec, error) from None
    return domain


def domain_of(spec: GuestSpec, release: str = DEFAULT) -> Domain:
    """The guest that a spec describes: built, or a memory image.

    Raises:
        ImageError: the image cannot be read, or does not say where its page tables are.
        MachineError: the spec and the image, or a kernel and its parts, do not go together.
        OSError: the image cannot be opened.
    """
    if spec.image is None:
        return Domain(spec, release=release)
    from xenexplore.guest.image_domain import image_domain

    return image_domain(spec, release=release)


def fill(domain: Domain, spec: BufferSpec) -> None:
    """Write a placed buffer's contents.

    Raises:
        MachineError: they name a buffer that is not placed.
    """
    data = contents_bytes(spec.contents, lambda ref: resolve(domain, ref))
    if data:
        buffer = domain.buffers[spec.name]
        domain.write(buffer.va + spec.contents.at, data, vcpu=spec.vcpu, process=buffer.process)


def place(domain: Domain, spec: BufferSpec) -> None:
    """Put a buffer where its text says; its bytes are zero.

    Raises:
        MachineError: the guest has no such place, or the buffer cannot be put there.
    """
    if spec.length > domain.spec.memory:
        raise MachineError(f"{spec.length} bytes, more than the guest has")
    domain.place(
        spec.name,
        spec.place,
        spec.length,
        offset=spec.offset,
        vcpu=spec.vcpu,
        process=spec.process,
        address=spec.address,
        frames=spec.frames or None,
        shared=spec.shared,
        writable=spec.writable,
    )
    _refuse_remapped(domain, spec)


def _refuse_remapped(domain: Domain, spec: BufferSpec) -> None:
    """Two buffers may share a page, but then they share its frame."""
    new = domain.buffers[spec.name]
    mine = dict(enumerate(new.frames, new.va.value >> PAGE_SHIFT))
    for other in domain.buffers.values():
        if other.name == new.name or other.process != new.process:
            continue
        for page, frame in enumerate(other.frames, other.va.value >> PAGE_SHIFT):
            if mine.get(page, frame) != frame:
                raise MachineError(
                    f"the page at {page << PAGE_SHIFT:#x} has frame {frame.hex()}, for buffer "
                    f"{other.name!r}"
                )


def _cannot(scenario: Scenario, spec: BufferSpec, error: Exception) -> ScenarioError:
    place = f"line {spec.line}, buffer {spec.name!r}" if spec.line else f"buffer {spec.name!r}"
    return ScenarioError(
        scenario.source, place, expected="a buffer that this guest can have", got=str(error)
    )


def resolve(domain: Domain, value: Value) -> int:
    """A value as a number: an address for a reference, modulo 2**64 for what is negative.

    Raises:
        MachineError: it refers to a buffer that is not placed.
    """
    if isinstance(value, Reference):
        if value.buffer not in domain.buffers:
            raise no_such("buffer", value.buffer, domain.buffers)
        return domain.buffers[value.buffer].va.value + value.offset
    return value & ((1 << 64) - 1)


def view_of(domain: Domain) -> GuestSnapshot:
    """The machine as it is now, for pictures."""
    return GuestSnapshot(
        spec=domain.spec,
        regions=domain.regions,
        gpa_regions=domain.gpa_regions,
        p2m=_p2m(domain),
        buffers=tuple(domain.buffers.values()),
        placed=len(domain.buffers),
        vcpus=tuple(
            VcpuView(
                index=vcpu.index,
                process=vcpu.process,
                cr3=vcpu.cr3,
                kernel_stack=vcpu.kernel_stack,
                percpu=vcpu.percpu,
            )
            for vcpu in domain.vcpus
        ),
        processes=tuple(domain.processes.values()),
        table_frames=domain.table_frames,
        assumed=domain.assumed,
    )


def _p2m(domain: Domain) -> tuple[P2mRun, ...]:
    """Runs of RAM and special pages, each with the entry of its first frame.

    Before the first action these are all that a guest's P2M maps.
    """
    if not domain.spec.has_p2m:
        return ()
    runs = []
    for region in domain.gpa_regions:
        if region.kind not in ("ram", "special"):
            continue
        first = Gfn(region.range.start.value >> 12)
        entry = domain.memory.p2m.entry(first.value)
        runs.append(
            P2mRun(
                gfn=first,
                frames=region.range.size >> 12,
                p2m_type=entry.type.name,
                order=entry.order,
            )
        )
    return tuple(runs)

"""Build the machine of a scenario: a domain with its buffers placed and filled."""

from __future__ import annotations

from xenexplore.addr import PAGE_SHIFT, Gfn
from xenexplore.errors import AddressError, MachineError, ScenarioError
from xenexplore.guest.domain import Domain
from xenexplore.scenario.model.contents import contents_bytes
from xenexplore.scenario.model.scenario import BufferSpec, Scenario
from xenexplore.scenario.model.values import Reference, Value
from xenexplore.scenario.run.guest_snapshot import GuestSnapshot, P2mRun, VcpuView

__all__ = ["build_domain", "resolve", "view_of"]


def build_domain(scenario: Scenario) -> Domain:
    """A guest after the scenario's spec, its buffers placed in order, then filled.

    Raises:
        ScenarioError: the guest has no such place, or a buffer cannot be put
            where the text says; names the buffer's line.
    """
    try:
        domain = Domain(scenario.guest, release=scenario.xen)
    except MachineError as error:
        raise ScenarioError(
            scenario.source, "guest", expected="a guest that can be built", got=str(error)
        ) from None
    for spec in scenario.buffers:
        try:
            _place(domain, spec)
            _refuse_remapped(domain, spec)
        except (MachineError, AddressError) as error:
            raise _cannot(scenario, spec, error) from None
    for spec in scenario.buffers:
        data = contents_bytes(spec.contents, lambda ref: resolve(domain, ref))
        if not data:
            continue
        buffer = domain.buffers[spec.name]
        domain.write(buffer.va + spec.contents.at, data, vcpu=spec.vcpu, process=buffer.process)
    return domain


def _place(domain: Domain, spec: BufferSpec) -> None:
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
    """A value as a number: an address for a reference, modulo 2**64 for what is negative."""
    if isinstance(value, Reference):
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

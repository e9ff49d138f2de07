"""Equal specs give equal guests, each one's own: the second is a copy of what booted once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from xenexplore.addr import PAGE_SHIFT, Gfn
from xenexplore.guest.booted import BootedGuest, booted_guest
from xenexplore.guest.page_tables import MappingRights
from xenexplore.scenario.library.builtin import load_builtin

SPECS = {name: load_builtin(name).guest for name in ("straddle", "pv-guest", "sev-es-vmmcall")}


def facts(booted: BootedGuest) -> list[object]:
    """Tables as the guest reads them, and what is free."""
    read = booted.memory.guest.read
    tables = [(one, read(one.value << PAGE_SHIFT, 4096)) for one in booted.spaces.table_frames]
    ram = booted.memory.ram
    return [*tables, [(one, bytes(ram.frame(one) or b"")) for one in ram.populated()]]


@pytest.mark.parametrize("name", SPECS)
def test_a_copy_is_the_same_guest_and_shares_nothing_that_changes(name: str) -> None:
    spec = SPECS[name]
    fresh, first, second = BootedGuest(spec), booted_guest(spec), booted_guest(spec)
    before = facts(fresh)
    assert facts(first) == facts(second) == before
    for booted in (fresh, first):
        booted.new_root()
        taken = booted.frames.take_run(1)
        va = next(part.va for part in booted.kernel.boot_mappings())
        booted.map(booted.spaces.kernel, va, (taken,), MappingRights(writable=False))
        booted.memory.guest.write(booted.to_gfn(taken).value << PAGE_SHIFT, b"changed")
    if spec.encrypted:
        first.set_encrypted(Gfn(taken), False, keep=True)
        fresh.set_encrypted(Gfn(taken), False, keep=True)
    assert facts(first) == facts(fresh) != before
    assert facts(second) == facts(booted_guest(spec)) == before


def test_another_spec_is_another_guest() -> None:
    spec = SPECS["straddle"]
    other = replace(spec, seed=spec.seed + 1)
    assert facts(booted_guest(other)) != facts(booted_guest(spec))

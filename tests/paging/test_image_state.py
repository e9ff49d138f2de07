"""PKRU is in no image: where an answer depends on it, the walk itself is the oracle."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from xenexplore.addr import Gfn, Gpa, Gva
from xenexplore.memory import Ram
from xenexplore.paging import (
    FETCH,
    READ,
    USER_READ,
    Mode,
    PageFlags,
    PageTables,
    Walk,
    frames_from,
    walk,
)
from xenexplore.paging.image_state import ImageState, depends_on_pkru
from xenexplore.paging.state import CR4_PKE

AT = 0x7000_0000_0000
DENIES_ALL_BUT_KEY_0 = 0x5555_5554


def supervisor_at(ram: Ram, one: Walk, level: int) -> None:
    """Clear U/S in the entry that a walk read at a level, 0 being the highest."""
    entry = one.entries[level] & ~4
    ram.write(one.levels[level].entry_at.value, entry.to_bytes(8, "little"))


@pytest.mark.parametrize("denied", [None, 0, 2, 3])
@pytest.mark.parametrize("keys_known", [True, False])
def test_a_walk_depends_on_pkru_where_pkru_changes_it(denied: int | None, keys_known: bool) -> None:
    """For every key, access and CR4.PKE, over pages of user mode and of the kernel."""
    found = set()
    for key, access, enabled in product((0, 1, 15), (READ, USER_READ, FETCH), (0, CR4_PKE)):
        ram = Ram()
        tables = PageTables(ram, Mode.LEVEL4, frames_from(Gfn(0x8000)))
        tables.map(Gva(AT), Gpa(0x5000), 4096, PageFlags(user=True, pkey=key))
        state = tables.state()
        if denied is not None:
            supervisor_at(ram, walk(ram, state, AT), denied)
        state = replace(state, cr4=state.cr4 & ~CR4_PKE | enabled)
        known = ImageState(state, (), pkru_known=False, keys_known=keys_known)
        one = walk(ram, state, AT, access)
        on = state if keys_known else replace(state, cr4=state.cr4 | CR4_PKE)
        ends = {
            walk(ram, replace(on, pkru=pkru), AT, access).ok for pkru in (0, DENIES_ALL_BUT_KEY_0)
        }
        depends = depends_on_pkru(one, known)
        assert depends == (len(ends) == 2), (key, access, enabled)
        assert not depends_on_pkru(one, replace(known, pkru_known=True))
        found.add(depends)
    assert found == ({True, False} if denied is None else {False})

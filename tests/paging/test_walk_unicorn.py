"""The walk held to an emulated CPU; a million cases: ``python -m oracles.unicorn_walk``."""

from __future__ import annotations

import dataclasses

import pytest

pytest.importorskip("unicorn")

from oracles import unicorn_walk
from oracles.unicorn_walk import run_cases

from xenexplore.paging import Walk, WalkEnd

CPU_ENDS = {
    end.name
    for end in WalkEnd
    if end not in (WalkEnd.NO_TABLE, WalkEnd.PAGED, WalkEnd.SHARED)  # what only a P2M gives
}


def test_no_difference_to_an_emulated_cpu():
    ends, wrong = run_cases(24_000, seed=20221)
    assert wrong == []
    assert set(ends) - {"skipped"} == CPU_ENDS
    assert min(ends.values()) > 100
    assert ends["skipped"] < 2400


def plant(monkeypatch, change):
    """Compare with a walk whose record was tampered with."""
    real = unicorn_walk.walk
    monkeypatch.setattr(unicorn_walk, "walk", lambda *args: change(real(*args)))


@pytest.mark.parametrize("bit", [0x1, 0x2, 0x4, 0x8, 0x10, 0x20])
def test_a_wrong_bit_in_error_codes_is_noticed(monkeypatch, bit):
    plant(monkeypatch, lambda w: w if w.ok else w._replace(pfec=w.pfec ^ bit))
    assert len(run_cases(400, seed=3)[1]) > 100


def test_a_wrong_address_is_noticed(monkeypatch):
    plant(monkeypatch, lambda w: w._replace(gpa_value=w.gpa_value ^ 0x1000) if w.ok else w)
    assert len(run_cases(400, seed=3)[1]) > 50


def test_xens_manner_of_marking_accessed_is_told_apart(monkeypatch):
    xen = unicorn_walk.Manner.XEN
    plant(monkeypatch, lambda w: w if w.ok else w._replace(manner=xen))
    assert len(run_cases(400, seed=3)[1]) > 50


@pytest.mark.parametrize("field", ["wp", "smep", "smap", "ac", "pke", "nxe"])
def test_an_ignored_register_bit_is_noticed(monkeypatch, field):
    register, bit = {
        "wp": ("cr0", 16), "smep": ("cr4", 20), "smap": ("cr4", 21),
        "ac": ("eflags", 18), "pke": ("cr4", 22), "nxe": ("efer", 11),
    }[field]  # fmt: skip
    real = unicorn_walk.walk

    def forgetful(memory, state, *rest) -> Walk:
        old = getattr(state, register)
        return real(memory, dataclasses.replace(state, **{register: old & ~(1 << bit)}), *rest)

    monkeypatch.setattr(unicorn_walk, "walk", forgetful)
    assert len(run_cases(2000, seed=3)[1]) >= 10

from __future__ import annotations

import re
from pathlib import Path

import pytest

from xenexplore.addr import Gpa, Gva
from xenexplore.errors import MachineError
from xenexplore.tlb import EEXIST, EINVAL, ENOSPC, InsertRules, TlbEntry

TOP = 1 << 64
HIGH_HALF = TOP - (1 << 47)
HEADER = Path("/usr/include/xen/errno.h")


def refusal(va, size, pa=0, is_global=False, **rules):
    found = InsertRules(**rules).validate_entry(TlbEntry(Gva(va), Gpa(pa), size, is_global))
    return (found.result, found.reason) if found else None


@pytest.mark.parametrize(
    ("va", "size", "rules", "reason"),
    [
        (0x1000, 0, {}, "the range is empty"),
        (TOP - 0x1000, 0x1001, {}, "the linear range wraps"),
        (0x1000, TOP - 1, {}, "the linear range wraps"),
        (0xFFFFF000, 0x1001, {"linear_bits": 32}, "the linear range ends past 4 GiB"),
        (1 << 32, 1, {"linear_bits": 32}, "the linear range ends past 4 GiB"),
        ((1 << 47) - 1, 2, {"linear_bits": 48}, "the linear range is not canonical throughout"),
        (1 << 47, 1, {"linear_bits": 48}, "the linear range is not canonical throughout"),
        (HIGH_HALF - 1, 2, {"linear_bits": 48}, "the linear range is not canonical throughout"),
        # Both ends are canonical, what lies between is not.
        (0, TOP - 1, {"linear_bits": 48}, "the linear range is not canonical throughout"),
        ((1 << 56) - 1, 2, {"linear_bits": 57}, "the linear range is not canonical throughout"),
        (0x1008, 0x1000, {"granularity": 4096}, "not aligned to 4096 bytes"),
        (0x1000, 0x1004, {"granularity": 8}, "not aligned to 8 bytes"),
        (0x1000, 0x1000, {"global_only": True}, "not declared global"),
    ],
)
def test_refused(va, size, rules, reason):
    assert refusal(va, size, **rules) == (-EINVAL, reason)


def test_the_physical_range():
    assert refusal(0, 2, pa=TOP - 1) == (-EINVAL, "the physical range wraps")
    assert refusal(0, 0x1000, pa=0x80, granularity=4096) == (-EINVAL, "not aligned to 4096 bytes")
    asked = []

    def is_ram(gpa, size):
        asked.append((gpa, size))
        return False

    expected = (-EINVAL, "the physical range is not RAM")
    assert refusal(0x5000, 48, pa=0xFEE00000, is_ram=is_ram) == expected
    assert asked == [(Gpa(0xFEE00000), 48)]


@pytest.mark.parametrize(
    ("va", "size", "rules"),
    [
        (TOP - 0x1000, 0x1000, {}),
        (TOP - 1, 1, {}),
        (0, TOP - 1, {}),
        (0xFFFFF000, 0x1000, {"linear_bits": 32}),
        ((1 << 47) - 1, 1, {"linear_bits": 48}),
        (HIGH_HALF, 1 << 47, {"linear_bits": 48}),
        (1 << 47, 1, {"linear_bits": 57}),
        (0x1001, 3, {}),
        (0x1008, 16, {"granularity": 8}),
        (0x1008, 16, {"global_only": True, "is_global": True}),
        (0x1008, 16, {"is_ram": lambda gpa, size: True}),
    ],
)
def test_accepted(va, size, rules):
    assert refusal(va, size, **rules) is None


@pytest.mark.parametrize("granularity", [0, -8, 3, 4095])
def test_a_granularity_is_a_power_of_two(granularity):
    with pytest.raises(MachineError, match=f"got {granularity}"):
        InsertRules(granularity=granularity)


def test_linear_addresses_have_known_widths():
    with pytest.raises(MachineError, match="32, 48, 57 or 64, got 47"):
        InsertRules(linear_bits=47)


def test_error_numbers_are_those_of_the_public_header():
    assert HEADER.exists(), "install Xen's public headers: apt-get install libxen-dev"
    text = HEADER.read_text()
    numbers = dict(re.findall(r"XEN_ERRNO\((\w+),\s*(\d+)\)", text))
    assert {name: int(numbers[name]) for name in ("EEXIST", "EINVAL", "ENOSPC")} == {
        "EEXIST": EEXIST,
        "EINVAL": EINVAL,
        "ENOSPC": ENOSPC,
    }

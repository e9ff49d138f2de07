from __future__ import annotations

import errno

from hypothesis import example, given
from hypothesis import strategies as st
from strategies import gpas, gvas, u64

from xenexplore.addr import Gpa, Gva, parse_address
from xenexplore.render.views import number_format as spell


@given(gvas(57))
def test_a_linear_address_reads_back(va):
    assert parse_address(spell.linear(va.value), Gva) == va
    assert len(spell.linear(va.value)) == 17


@example(Gpa(0x0D00_008A))
@example(Gpa(0x0B00_0000))
@given(gpas(52))
def test_a_physical_address_reads_back(gpa):
    assert parse_address(spell.physical(gpa.value), Gpa) == gpa


@given(u64)
def test_entries_and_handles_read_back(value):
    assert int(spell.entry(value).replace("'", ""), 16) == value
    assert int(spell.handle(value).replace("'", ""), 16) == value


@given(st.integers(0, 1 << 50))
def test_sizes_say_the_number(value):
    number, unit = spell.size(value).split(" ")
    shifts = {"byte": 0, "bytes": 0, "KiB": 10, "MiB": 20, "GiB": 30, "TiB": 40}
    assert int(number.replace(",", "")) << shifts[unit] == value


def test_the_looks_of_it():
    assert spell.linear(0xFFFFC90000613B2C) == "ffffc900'00613b2c"
    assert spell.physical(0x84FCC90) == "084fcc90"
    assert spell.physical(0x106BF7B2C) == "1'06bf7b2c"
    assert spell.entry(0x1000067) == "0000'0000'0100'0067"
    assert spell.frame(0x6BF7) == "06bf7"
    assert spell.span(0x30000000) == "+30000000"
    assert (spell.size(0), spell.size(1), spell.size(4)) == ("0 bytes", "1 byte", "4 bytes")
    assert spell.regroup("0xffffc90000613b2c, 0x6bf7b2c and 12345678901.") == (
        "ffffc900'00613b2c, 0x6bf7b2c and 12345678901."
    )


def test_errnos_have_their_names():
    # Xen's numbers for these are Linux's: xen/include/public/errno.h.
    for number in range(1, 134):
        name = spell.errno_name(-number)
        if name.startswith("-E"):
            assert getattr(errno, name[1:]) == number
    assert spell.errno_name(0) == "0"
    assert spell.errno_name(-1000) == "-1000"
    assert spell.errno_name(-14) == "-EFAULT"

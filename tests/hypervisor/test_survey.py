"""Where a handle is kept: registers and fields of structs, and which of two is named."""

from __future__ import annotations

from dataclasses import replace

import pytest
from calls import MAKERS, Where, word

from xenexplore.addr import Gva
from xenexplore.guest.domain import Domain
from xenexplore.guest.spec import GuestSpec
from xenexplore.hypervisor.calls import GuestCall
from xenexplore.hypervisor.passed_buffers import passed_buffers


def test_a_register_is_named_before_a_field_that_holds_the_same() -> None:
    """A multicall whose first entry passes the buffer that the second register names."""
    domain = Domain(GuestSpec())
    buffer = Where("kmalloc").put(domain, "both", bytes(128))
    # An entry that sends by the event channel number in its own list's first bytes.
    entry = word(32) + word(0) + word(4) + word(buffer.va.value) + bytes(32)
    domain.write(buffer.va, entry, vcpu=0)
    call = GuestCall(vcpu=0, name="multicall", number=13, args=(buffer.va.value, 1))
    (use,) = passed_buffers(domain, call)
    assert (use.register, use.field) == (0, None)
    assert use.twins == (buffer.va + 24,)


def test_the_nearest_handle_below_is_the_buffers() -> None:
    domain = Domain(GuestSpec())
    call = MAKERS["populate"](domain, Where("kmalloc"))
    struct, array = passed_buffers(domain, call)
    assert (struct.register, struct.field, struct.va) == (1, None, Gva(call.args[1]))
    assert (array.register, array.field) == (None, struct.va)
    assert array.va == domain.buffers["extents"].va


def test_of_registers_that_hold_the_same_the_first_is_named() -> None:
    """The others are its twins: a design that encodes the handle encodes all of them."""
    domain = Domain(GuestSpec())
    made = MAKERS["send"](domain, Where("kmalloc"))
    value = made.args[1]
    call = replace(made, args=(made.args[0], value, value))
    (use,) = passed_buffers(domain, call)
    assert (use.register, use.field, use.twins) == (1, None, (2,))


@pytest.mark.parametrize("gap", [0x1000, 0x10_0000])
@pytest.mark.parametrize("above", [False, True])
def test_a_field_s_buffer_is_the_field_s_wherever_the_struct_lies(gap: int, above: bool) -> None:
    """The handle that the field holds is nearer than the register's, also from above it."""
    domain = Domain(GuestSpec())
    made = MAKERS["populate"](domain, Where("kmalloc"))
    array = domain.buffers["extents"].va
    struct = array + gap if above else array - gap
    directmap = domain.layout.find(array)
    assert directmap is domain.layout.find(struct)
    domain.write(struct, domain.read(Gva(made.args[1]), 64, vcpu=0), vcpu=0)
    call = replace(made, args=(made.args[0], struct.value, *made.args[2:]))
    first, second = passed_buffers(domain, call)
    assert (first.register, first.field, first.va) == (1, None, struct)
    assert (second.register, second.field, second.va) == (None, struct, array)

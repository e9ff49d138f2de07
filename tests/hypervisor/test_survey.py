"""Where a handle is kept: registers and fields of structs, and which of two is named."""

from __future__ import annotations

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

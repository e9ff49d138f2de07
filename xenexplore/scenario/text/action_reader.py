"""Source and checks for the readers of actions."""

from __future__ import annotations

from typing import Any

from xenexplore.errors import CatalogueError, ReleaseError
from xenexplore.guest.spec import GuestSpec
from xenexplore.hypercalls.catalogue.entries import Family, SubOp
from xenexplore.hypervisor.registered import registrable
from xenexplore.paging.entries import ENTRY_BITS
from xenexplore.scenario.model.call_names import canonical_name, find_call, op_argument
from xenexplore.scenario.model.values import Pairs, Value
from xenexplore.scenario.text.fields import Fields, nearest
from xenexplore.scenario.text.load_buffers import read_value

__all__ = ["ActionReader"]


class ActionReader:
    """Source that the functions below read from and check against."""

    def __init__(self, fields: Fields, guest: GuestSpec, names: tuple[str, ...], xen: str) -> None:
        self.fields = fields
        self.guest = guest
        self.names = names
        self.xen = xen

    def found(self, fields: Fields, wanted: str, expected: str) -> tuple[Family, SubOp | None]:
        """The hypercall of a name, which this Xen must have."""
        try:
            return find_call(wanted, self.xen)
        except ReleaseError as error:
            fields.fail(
                "hypercall", expected=f"a hypercall of Xen {self.xen}", got=repr(wanted),
                hint=f"it exists {error.when}; [xen] version selects the release",
            )  # fmt: skip
        except CatalogueError as error:
            near = f"did you mean {', '.join(map(repr, error.nearest))}?" if error.nearest else ""
            fields.fail("hypercall", expected=expected, got=repr(wanted), hint=near)

    def vcpu(self, key: str = "vcpu", default: int | None = 0) -> int:
        return self.fields.number(key, default, high=self.guest.vcpus - 1)

    def buffer(self, key: str = "buffer") -> str:
        if not self.names:
            got = repr(self.fields.word(key))
            self.fields.fail(key, expected="a buffer that has been placed", got=got)
        return self.fields.word(key, words=self.names)

    def call(self, fields: Fields) -> tuple[str, Pairs]:
        """``hypercall`` and ``with``: names of the catalogue."""
        wanted = fields.word("hypercall")
        family, op = self.found(fields, wanted, 'a hypercall, e.g. "event_channel_op send"')
        selector = op_argument(family)
        known = [argument.name for argument in family.args if argument.name != selector]
        raw = fields.raw("with")
        pairs: list[tuple[str, Any]] = []
        if raw is not None:
            inner = fields.inner("with", raw, canonical_name(family, op))
            for key in inner.keys:
                if key not in known:
                    takes = ", ".join(known) or "no argument"
                    inner.fail(key, expected=takes, got=repr(key), hint=nearest(key, known))
                pairs.append((key, read_value(inner, key, inner.raw(key), self.names)))
        return canonical_name(family, op), tuple(pairs)

    def preempt(self) -> tuple[int, ...]:
        after = self.fields.optional_number("preempt_after", low=1, high=1 << 20)
        points = self.fields.numbers("preempt", low=1)
        if after is not None and points:
            self.fields.fail("preempt_after", expected="preempt or preempt_after", got="both")
        return (after,) if after is not None else points

    def what(
        self, extra: tuple[str, ...] = (), key: str = "what", default: str | None = None
    ) -> str:
        """A range: a region's word, or a buffer."""
        words = (*registrable(self.names), *extra)
        return self.fields.word(key, default, words=words)

    def address(self, *, required: bool = True) -> Value | None:
        """A linear address: a number, or a buffer's."""
        raw = self.fields.raw("address")
        if raw is None:
            if required:
                self.fields.missing("address", '"0x...", "@buffer" or "@buffer+8"')
            return None
        value = read_value(self.fields, "address", raw, self.names)
        if isinstance(value, int) and value < 0:
            self.fields.fail("address", expected="an address from 0", got=repr(raw))
        return value

    def size(self, low: int = 1, default: int | None = None) -> int:
        return self.fields.number("size", default, low=low, high=(1 << 63) - 1)

    def bits(self, key: str) -> tuple[str, ...]:
        found = self.fields.words(key)
        for name in found:
            if name not in ENTRY_BITS:
                known = ", ".join(ENTRY_BITS)
                hint = nearest(name, ENTRY_BITS)
                self.fields.fail(key, expected=f"bits, of {known}", got=repr(name), hint=hint)
        return found

    @property
    def line(self) -> int:
        return self.fields.line

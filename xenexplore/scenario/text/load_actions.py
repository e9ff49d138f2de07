"""Read ``[[action]]`` tables: one function per action."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from xenexplore.errors import CatalogueError
from xenexplore.guest.spec import GuestSpec
from xenexplore.hypervisor.registered import registrable
from xenexplore.hypervisor.stubs import STUB_BYTES, VENDORS, stub_for
from xenexplore.memory import P2mType as XenP2mType
from xenexplore.paging.entries import ENTRY_BITS
from xenexplore.scenario.model import action_records as records
from xenexplore.scenario.model.call_names import canonical_name, find_call, op_argument
from xenexplore.scenario.model.values import Pairs, Value, parse_value
from xenexplore.scenario.text.fields import Fields, nearest
from xenexplore.scenario.text.load_buffers import read_buffer, read_contents, read_value

__all__ = ["ACTION_WORDS", "read_action"]

_FORMS = ("as-option", "linear")


class _Reader:
    """What the functions below read from and check against."""

    def __init__(self, fields: Fields, guest: GuestSpec, names: tuple[str, ...]) -> None:
        self.fields = fields
        self.guest = guest
        self.names = names

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
        try:
            family, op = find_call(wanted)
        except CatalogueError as error:
            near = f"did you mean {', '.join(map(repr, error.nearest))}?" if error.nearest else ""
            fields.fail(
                "hypercall", expected='a hypercall, e.g. "event_channel_op send"',
                got=repr(wanted), hint=near,
            )  # fmt: skip
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


def read_action(fields: Fields, guest: GuestSpec, names: tuple[str, ...]) -> records.ActionSpec:
    """One ``[[action]]``; fields that it does not know stay for the caller to refuse.

    Args:
        fields: the table.
        guest: what the machine is built from.
        names: every buffer of the scenario.
    """
    word = fields.word("do", words=_READERS)
    return _READERS[word](_Reader(fields, guest, names))


def _call(reader: _Reader) -> records.CallAction:
    fields = reader.fields
    hypercall, given = reader.call(fields)
    return records.CallAction(
        vcpu=reader.vcpu(),
        hypercall=hypercall,
        given=given,
        user=fields.flag("user", False),
        cpl=fields.number("cpl", 0, high=3),
        preempt=reader.preempt(),
        purge_between=reader.what(("all",), "purge_between", ""),
        line=reader.line,
    )


def _multicall(reader: _Reader) -> records.Multicall:
    fields = reader.fields
    raw = fields.raw("entries")
    if not isinstance(raw, list) or not raw:
        fields.fail("entries", expected="a list of { hypercall = ..., with = ... }", got=repr(raw))
    entries = []
    for number, item in enumerate(raw):
        inner = fields.inner("entries", item, f"entry {number}", number)
        hypercall, given = reader.call(inner)
        inner.finish()
        entries.append(records.InnerCall(hypercall=hypercall, given=given))
    return records.Multicall(
        vcpu=reader.vcpu(),
        list=reader.buffer("list"),
        entries=tuple(entries),
        outer=fields.word("outer", "as-option", _FORMS),
        inner=fields.word("inner", "as-option", _FORMS),
        preempt=reader.preempt(),
        line=reader.line,
    )


def _switch(reader: _Reader) -> records.Switch:
    process = reader.fields.word("process")
    return records.Switch(vcpu=reader.vcpu(), process=process, line=reader.line)


def _remap(reader: _Reader) -> records.Remap:
    frames = reader.fields.frames("frames")
    return records.Remap(buffer=reader.buffer(), frames=frames, line=reader.line)


def _unmap(reader: _Reader) -> records.Unmap:
    return records.Unmap(buffer=reader.buffer(), line=reader.line)


def _protect(reader: _Reader) -> records.Protect:
    writable = reader.fields.flag("writable", False)
    return records.Protect(buffer=reader.buffer(), writable=writable, line=reader.line)


def _p2m(reader: _Reader) -> records.SetP2mType:
    kind = reader.fields.word("type", words=XenP2mType.__members__)
    return records.SetP2mType(buffer=reader.buffer(), type=kind, line=reader.line)


def _share(reader: _Reader) -> records.Share:
    shared = reader.fields.flag("shared", True)
    return records.Share(buffer=reader.buffer(), shared=shared, line=reader.line)


def _register(reader: _Reader) -> records.Register:
    return records.Register(vcpu=reader.vcpu(), what=reader.what(), line=reader.line)


def _purge(reader: _Reader) -> records.Purge:
    address = reader.address(required=False)
    if address is None:
        return records.Purge(vcpu=reader.vcpu(), what=reader.what(("all",)), line=reader.line)
    if "what" in reader.fields:
        reader.fields.fail("what", expected="what, or address and size", got="both")
    return records.Purge(vcpu=reader.vcpu(), address=address, size=reader.size(), line=reader.line)


def _setup(reader: _Reader) -> records.Setup:
    return records.Setup(line=reader.line)


def _place(reader: _Reader) -> records.Place:
    buffer = read_buffer(reader.fields, reader.guest, reader.names)
    return records.Place(buffer=buffer, line=reader.line)


def _write(reader: _Reader) -> records.Write:
    fields = reader.fields
    gpa = fields.physical("gpa")
    if gpa is not None and "buffer" in fields:
        fields.fail("gpa", expected="a buffer or a gpa", got="both")
    contents = read_contents(fields, reader.names)
    if not contents.size:
        fields.fail("", expected="something to write", got="none", hint="add e.g. bytes")
    if contents.struct and not contents.fields and not contents.array:
        fields.missing("fields", "the fields that are written")
    return records.Write(
        vcpu=reader.vcpu(),
        buffer="" if gpa is not None else reader.buffer(),
        gpa=gpa,
        contents=contents,
        line=reader.line,
    )


def _entry(reader: _Reader) -> records.SetEntry:
    fields = reader.fields
    address = reader.address()
    assert address is not None
    value = parse_value(fields.raw("value")) if "value" in fields else None
    if "value" in fields and (not isinstance(value, int) or value < 0):
        fields.fail("value", expected='64 bits, e.g. "0x6bf7063"', got=repr(fields.raw("value")))
    bits = tuple(reader.bits(key) for key in ("set_bits", "clear_bits"))
    if (value is None) != any(bits):
        fields.fail("", expected="set_bits and clear_bits, or value", got="neither or both")
    return records.SetEntry(
        vcpu=reader.vcpu(),
        process=fields.word("process", ""),
        address=address,
        level=fields.number("level", 1, low=1, high=5),
        set_bits=bits[0],
        clear_bits=bits[1],
        value=value if isinstance(value, int) else None,
        line=reader.line,
    )


def _insert(reader: _Reader) -> records.Insert:
    fields = reader.fields
    address = reader.address()
    gpa = fields.physical("gpa")
    if address is None or gpa is None:
        fields.missing("gpa", 'a guest-physical address, e.g. "0x6bf7b2c"')
    return records.Insert(
        vcpu=reader.vcpu(),
        address=address,
        gpa=gpa,
        size=reader.size(0),
        is_global=fields.flag("is_global", False),
        label=fields.word("label", ""),
        line=reader.line,
    )


def _lookup(reader: _Reader) -> records.Lookup:
    address = reader.address()
    assert address is not None
    return records.Lookup(
        vcpu=reader.vcpu(), address=address, size=reader.size(1, 1), line=reader.line
    )


def _register_runstate(reader: _Reader) -> records.RegisterRunstate:
    return records.RegisterRunstate(
        vcpu=reader.vcpu(),
        subject=reader.vcpu("subject", None),
        buffer=reader.buffer(),
        argument=reader.buffer("argument"),
        line=reader.line,
    )


def _update_runstate(reader: _Reader) -> records.UpdateRunstate:
    return records.UpdateRunstate(subject=reader.vcpu("subject", None), line=reader.line)


def _named(reader: _Reader) -> str:
    """A hypercall without arguments: only its number matters."""
    fields = reader.fields
    wanted = fields.word("hypercall")
    try:
        return canonical_name(*find_call(wanted))
    except CatalogueError as error:
        near = f"did you mean {', '.join(map(repr, error.nearest))}?" if error.nearest else ""
        fields.fail("hypercall", expected="a hypercall", got=repr(wanted), hint=near)


def _hypercall_page(reader: _Reader) -> records.HypercallPage:
    return records.HypercallPage(
        vcpu=reader.vcpu(),
        buffer=reader.buffer(),
        vendor=reader.fields.word("vendor", "amd", VENDORS),
        hypercall=_named(reader),
        line=reader.line,
    )


def _migrate(reader: _Reader) -> records.Migrate:
    fields = reader.fields
    hypercall = _named(reader)
    source = fields.word("source", "intel", VENDORS)
    number = find_call(hypercall)[0].number
    starts = stub_for(source, number).starts
    offset = fields.number("offset", high=STUB_BYTES - 1)
    if offset not in starts:
        begins = ", ".join(map(str, starts))
        fields.fail("offset", expected=f"where an instruction begins: {begins}", got=str(offset))
    return records.Migrate(
        vcpu=reader.vcpu(),
        source=source,
        target=fields.word("target", "amd", VENDORS),
        hypercall=hypercall,
        offset=offset,
        landing_pad=fields.flag("landing_pad", False),
        line=reader.line,
    )


def _compat_call(reader: _Reader) -> records.CompatCall:
    return records.CompatCall(
        vcpu=reader.vcpu(),
        buffer=reader.buffer(),
        test_first=reader.fields.flag("test_first", True),
        line=reader.line,
    )


_READERS: Mapping[str, Callable[[_Reader], records.ActionSpec]] = {
    "call": _call,
    "multicall": _multicall,
    "switch": _switch,
    "remap": _remap,
    "unmap": _unmap,
    "protect": _protect,
    "p2m": _p2m,
    "share": _share,
    "register": _register,
    "purge": _purge,
    "register-runstate": _register_runstate,
    "update-runstate": _update_runstate,
    "hypercall-page": _hypercall_page,
    "migrate": _migrate,
    "compat-call": _compat_call,
    "setup": _setup,
    "place": _place,
    "write": _write,
    "entry": _entry,
    "insert": _insert,
    "lookup": _lookup,
}

ACTION_WORDS = tuple(_READERS)
"""What ``do`` may be."""

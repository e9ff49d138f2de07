"""Read ``[[action]]`` tables: one function per action."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from xenexplore.guest.spec import GuestSpec
from xenexplore.hypercalls.releases import DEFAULT
from xenexplore.hypercalls.structs import structs_for
from xenexplore.hypervisor.calls import CALL_FORMS
from xenexplore.hypervisor.stubs import STUB_BYTES, VENDORS, stub_for
from xenexplore.memory import P2mType as XenP2mType
from xenexplore.scenario.model import action_records as records
from xenexplore.scenario.model.call_names import canonical_name, find_call
from xenexplore.scenario.model.values import parse_value
from xenexplore.scenario.text.action_reader import ActionReader
from xenexplore.scenario.text.fields import Fields
from xenexplore.scenario.text.load_buffers import read_buffer, read_contents
from xenexplore.scenario.text.vocabulary import default_of

__all__ = ["ACTION_WORDS", "read_action"]


def read_action(
    fields: Fields, guest: GuestSpec, names: tuple[str, ...], xen: str = DEFAULT
) -> records.ActionSpec:
    """One ``[[action]]``; fields that it does not know stay for the caller to refuse.

    Args:
        fields: the table.
        guest: specification of the machine.
        names: every buffer of the scenario.
        xen: the release of Xen.
    """
    word = fields.word("do", words=_READERS)
    return _READERS[word](ActionReader(fields, guest, names, xen))


def _call(reader: ActionReader) -> records.CallAction:
    fields = reader.fields
    hypercall, given = reader.call(fields)
    return records.CallAction(
        vcpu=reader.vcpu(),
        hypercall=hypercall,
        given=given,
        user=fields.flag("user", default_of(records.CallAction, "user")),
        cpl=fields.number("cpl", default_of(records.CallAction, "cpl"), high=3),
        preempt=reader.preempt(),
        purge_between=reader.what(
            ("all",), "purge_between", default_of(records.CallAction, "purge_between")
        ),
        converted=fields.flag("converted", default_of(records.CallAction, "converted")),
        vc_handler=fields.flag("vc_handler", default_of(records.CallAction, "vc_handler")),
        line=reader.line,
    )


def _multicall(reader: ActionReader) -> records.Multicall:
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
        outer=fields.word("outer", default_of(records.Multicall, "outer"), CALL_FORMS),
        inner=fields.word("inner", default_of(records.Multicall, "inner"), CALL_FORMS),
        preempt=reader.preempt(),
        line=reader.line,
    )


def _switch(reader: ActionReader) -> records.Switch:
    process = reader.fields.word("process")
    return records.Switch(vcpu=reader.vcpu(), process=process, line=reader.line)


def _remap(reader: ActionReader) -> records.Remap:
    frames = reader.fields.frames("frames")
    return records.Remap(buffer=reader.buffer(), frames=frames, line=reader.line)


def _unmap(reader: ActionReader) -> records.Unmap:
    return records.Unmap(buffer=reader.buffer(), line=reader.line)


def _protect(reader: ActionReader) -> records.Protect:
    writable = reader.fields.flag("writable", default_of(records.Protect, "writable"))
    return records.Protect(buffer=reader.buffer(), writable=writable, line=reader.line)


def _p2m(reader: ActionReader) -> records.SetP2mType:
    kind = reader.fields.word("type", words=XenP2mType.__members__)
    return records.SetP2mType(buffer=reader.buffer(), type=kind, line=reader.line)


def _share(reader: ActionReader) -> records.Share:
    shared = reader.fields.flag("shared", default_of(records.Share, "shared"))
    return records.Share(buffer=reader.buffer(), shared=shared, line=reader.line)


def _register(reader: ActionReader) -> records.Register:
    return records.Register(vcpu=reader.vcpu(), what=reader.what(), line=reader.line)


def _purge(reader: ActionReader) -> records.Purge:
    address = reader.address(required=False)
    if address is None:
        return records.Purge(vcpu=reader.vcpu(), what=reader.what(("all",)), line=reader.line)
    if "what" in reader.fields:
        reader.fields.fail("what", expected="what, or address and size", got="both")
    return records.Purge(vcpu=reader.vcpu(), address=address, size=reader.size(), line=reader.line)


def _setup(reader: ActionReader) -> records.Setup:
    return records.Setup(line=reader.line)


def _place(reader: ActionReader) -> records.Place:
    buffer = read_buffer(reader.fields, reader.guest, reader.names, reader.xen)
    return records.Place(buffer=buffer, line=reader.line)


def _write(reader: ActionReader) -> records.Write:
    fields = reader.fields
    gpa = fields.physical("gpa")
    if gpa is not None and "buffer" in fields:
        fields.fail("gpa", expected="a buffer or a gpa", got="both")
    contents = read_contents(fields, reader.names, structs_for("x86_64", reader.xen))
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


def _entry(reader: ActionReader) -> records.SetEntry:
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
        process=fields.word("process", default_of(records.SetEntry, "process")),
        address=address,
        level=fields.number("level", default_of(records.SetEntry, "level"), low=1, high=5),
        set_bits=bits[0],
        clear_bits=bits[1],
        value=value if isinstance(value, int) else None,
        line=reader.line,
    )


def _insert(reader: ActionReader) -> records.Insert:
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
        is_global=fields.flag("is_global", default_of(records.Insert, "is_global")),
        label=fields.word("label", default_of(records.Insert, "label")),
        line=reader.line,
    )


def _lookup(reader: ActionReader) -> records.Lookup:
    address = reader.address()
    assert address is not None
    return records.Lookup(
        vcpu=reader.vcpu(),
        address=address,
        size=reader.size(1, default_of(records.Lookup, "size")),
        line=reader.line,
    )


def _register_runstate(reader: ActionReader) -> records.RegisterRunstate:
    return records.RegisterRunstate(
        vcpu=reader.vcpu(),
        subject=reader.vcpu("subject", None),
        buffer=reader.buffer(),
        argument=reader.buffer("argument"),
        line=reader.line,
    )


def _update_runstate(reader: ActionReader) -> records.UpdateRunstate:
    return records.UpdateRunstate(
        subject=reader.vcpu("subject", None),
        user_mode=reader.fields.flag("user_mode", default_of(records.UpdateRunstate, "user_mode")),
        line=reader.line,
    )


def _named(reader: ActionReader) -> str:
    """A hypercall without arguments: only its number matters."""
    fields = reader.fields
    return canonical_name(*reader.found(fields, fields.word("hypercall"), "a hypercall"))


def _hypercall_page(reader: ActionReader) -> records.HypercallPage:
    return records.HypercallPage(
        vcpu=reader.vcpu(),
        buffer=reader.buffer(),
        vendor=reader.fields.word("vendor", default_of(records.HypercallPage, "vendor"), VENDORS),
        hypercall=_named(reader),
        line=reader.line,
    )


def _migrate(reader: ActionReader) -> records.Migrate:
    fields = reader.fields
    hypercall = _named(reader)
    source = fields.word("source", default_of(records.Migrate, "source"), VENDORS)
    number = find_call(hypercall, reader.xen)[0].number
    starts = stub_for(source, number).starts
    offset = fields.number("offset", high=STUB_BYTES - 1)
    if offset not in starts:
        begins = ", ".join(map(str, starts))
        fields.fail("offset", expected=f"where an instruction begins: {begins}", got=str(offset))
    return records.Migrate(
        vcpu=reader.vcpu(),
        source=source,
        target=fields.word("target", default_of(records.Migrate, "target"), VENDORS),
        hypercall=hypercall,
        offset=offset,
        landing_pad=fields.flag("landing_pad", default_of(records.Migrate, "landing_pad")),
        line=reader.line,
    )


def _compat_call(reader: ActionReader) -> records.CompatCall:
    return records.CompatCall(
        vcpu=reader.vcpu(),
        buffer=reader.buffer(),
        test_first=reader.fields.flag("test_first", default_of(records.CompatCall, "test_first")),
        line=reader.line,
    )


_READERS: Mapping[str, Callable[[ActionReader], records.ActionSpec]] = {
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

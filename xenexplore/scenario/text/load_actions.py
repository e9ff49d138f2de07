"""Read ``[[action]]`` tables: one function per action."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from xenexplore.errors import CatalogueError, ReleaseError
from xenexplore.guest.spec import GuestSpec
from xenexplore.hypercalls.catalogue.entries import Family, SubOp
from xenexplore.hypercalls.releases import DEFAULT
from xenexplore.hypervisor.registered import registrable
from xenexplore.hypervisor.stubs import STUB_BYTES, VENDORS, stub_for
from xenexplore.memory import P2mType as XenP2mType
from xenexplore.scenario.model import action_records as records
from xenexplore.scenario.model.call_names import canonical_name, find_call, op_argument
from xenexplore.scenario.model.values import Pairs
from xenexplore.scenario.text.fields import Fields, nearest
from xenexplore.scenario.text.load_buffers import read_value

__all__ = ["ACTION_WORDS", "read_action"]

_FORMS = ("as-option", "linear")


class _Reader:
    """What the functions below read from and check against."""

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
                hint=f"it is there {error.when}; [xen] version says which Xen it is",
            )  # fmt: skip
        except CatalogueError as error:
            near = f"did you mean {', '.join(map(repr, error.nearest))}?" if error.nearest else ""
            fields.fail("hypercall", expected=expected, got=repr(wanted), hint=near)

    def vcpu(self, key: str = "vcpu", default: int | None = 0) -> int:
        return self.fields.number(key, default, high=self.guest.vcpus - 1)

    def buffer(self, key: str = "buffer") -> str:
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

    @property
    def line(self) -> int:
        return self.fields.line


def read_action(
    fields: Fields, guest: GuestSpec, names: tuple[str, ...], xen: str = DEFAULT
) -> records.ActionSpec:
    """One ``[[action]]``; fields that it does not know stay for the caller to refuse.

    Args:
        fields: the table.
        guest: what the machine is built from.
        names: every buffer of the scenario.
        xen: the release of Xen.
    """
    word = fields.word("do", words=_READERS)
    return _READERS[word](_Reader(fields, guest, names, xen))


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
    return records.Purge(vcpu=reader.vcpu(), what=reader.what(("all",)), line=reader.line)


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
    return canonical_name(*reader.found(fields, fields.word("hypercall"), "a hypercall"))


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
    number = find_call(hypercall, reader.xen)[0].number
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
}

ACTION_WORDS = tuple(_READERS)
"""What ``do`` may be."""

"""``guest.buffer``: places a buffer; its attributes are the places that the kernel has."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from typing import Any

from xenexplore.addr import Gva, parse_address
from xenexplore.errors import MachineError
from xenexplore.guest.placement.buffers import KINDS
from xenexplore.guest.spec import no_such
from xenexplore.hypercalls.structs import structs_for
from xenexplore.scenario.model.scenario import BufferSpec, Contents
from xenexplore.scenario.model.values import Elements
from xenexplore.session.buffer import Buffer
from xenexplore.session.state import GuestState
from xenexplore.session.values import (
    as_frames,
    as_value,
    checked_pairs,
    checked_scalar,
    field_paths,
    known_struct,
)

__all__ = ["Places"]

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]*")
_KEYWORDS = ("struct", "array", "text", "data", "at", "name", "offset", "vcpu", "process",
             "address", "frames", "shared", "writable", "fields", "length")  # fmt: skip


class Places:
    """Places buffers in one guest's memory.

    ``guest.buffer("stack", struct="evtchn_send", port=5)``; tab after ``guest.buffer.`` lists
    the places of the guest's kernel, and after a place the structs:
    ``guest.buffer.stack.evtchn_send(port=5)``.

    >>> import xenexplore as xe
    >>> guest = xe.Guest("unikernel")
    >>> guest.buffer("vmalloc", 16)
    Traceback (most recent call last):
    ...
    xenexplore.errors.MachineError: no place 'vmalloc' (kernel 'unikernel' has none): expected \
one of kmalloc, stack, static, fixed; did you mean 'kmalloc'?
    """

    def __init__(self, guest: GuestState) -> None:
        self._guest = guest
        # Attributes of its own, and no __getattr__: the completer looks at these.
        vars(self).update((place, _Place(self, place)) for place in guest.domain.kinds)

    def __dir__(self) -> list[str]:
        return list(self._guest.domain.kinds)

    def __repr__(self) -> str:
        return f"<Places of {self._guest.spec.kernel}: {', '.join(self._guest.domain.kinds)}>"

    def _no_place(self, place: str) -> MachineError:
        kernel = self._guest.spec.kernel
        return no_such("place", place, self._guest.domain.kinds, f"kernel {kernel!r} has none")

    def __call__(
        self,
        place: str,
        length: int | None = None,
        *,
        struct: str = "",
        array: Sequence[object] = (),
        text: str = "",
        data: bytes = b"",
        at: int = 0,
        name: str = "",
        offset: int | None = None,
        vcpu: int = 0,
        process: str | None = None,
        address: Gva | int | str | None = None,
        frames: Sequence[object] | None = None,
        shared: bool | None = None,
        writable: bool = True,
        fields: Mapping[str, object] | None = None,
        **values: object,
    ) -> Buffer:
        """Put a buffer where buffers of that kind live in this guest's kernel, and map it.

        Args:
            place: one of ``dir(guest.buffer)``.
            length: bytes; by default as many as its contents take.
            struct: a struct (or scalar type) of Xen's public headers, as its contents.
            array: instead of one struct, its elements: fields by name, or numbers.
            text: instead of a struct, a string; a zero byte is added.
            data: instead of a struct, bytes.
            at: offset of the contents in the buffer.
            name: what the session's text calls it; by default from the struct or place.
            offset: offset in its first page, 0 to 4095; by default the allocator's.
            vcpu: whose stack or per-CPU area; whose process.
            process: in whose page tables (``user``, ``privcmd``), or whose thread's stack.
            address: exact linear address.
            frames: exact guest frames, one per page touched.
            shared: encrypted guests: shared with Xen; by default not.
            writable: mapped writable.
            fields: fields by dotted path, ``{"addr.p": other}``.
            **values: fields of the struct by name; ``addr__p`` for ``addr.p``.

        Returns:
            The buffer.

        Raises:
            MachineError: no such place, struct or field, or it cannot be put there.
        """
        guest = self._guest
        if place not in guest.domain.kinds:
            raise self._no_place(place)
        given = {**(fields or {}), **values}
        if given and not struct:
            raise no_such("keyword", next(iter(given)), _KEYWORDS, "fields need struct=...")
        contents = _contents(guest, struct, given, array, text, data, at)
        spec = BufferSpec(
            name=self._name(name, struct, place),
            place=place,
            size=length,
            offset=offset,
            vcpu=vcpu,
            process=process,
            address=_linear(address),
            frames=as_frames(frames),
            shared=shared,
            writable=writable,
            contents=contents,
        )
        _check(spec, image=self._guest.spec.image is not None)
        guest._machine.place(spec)
        return Buffer(guest, spec.name)

    def _name(self, name: str, struct: str, place: str) -> str:
        if name:
            if not _NAME.fullmatch(name):
                raise MachineError(
                    f"name {name!r}: expected lowercase letters, digits, dashes, dots"
                )
            return name
        stem = re.sub(r"[^a-z0-9]+", "-", (struct or place).lower()).strip("-")
        taken, number = self._guest.domain.buffers, 1
        while (found := stem if number == 1 else f"{stem}-{number}") in taken:
            number += 1
        return found


class _Place:
    """``guest.buffer.stack``: puts buffers there; its attributes are the structs."""

    def __init__(self, places: Places, place: str) -> None:
        self._places = places
        self._place = place
        self.__doc__ = f"Place a buffer in {KINDS[place]}; see Guest.buffer."

    def __call__(self, length: int | None = None, **how: Any) -> Buffer:
        return self._places(self._place, length, **how)

    def __dir__(self) -> list[str]:
        release = self._places._guest.release
        names = structs_for("x86_64", release).names()
        return [name for name in names if name.isidentifier()]

    def __getattr__(self, struct: str) -> _Struct:
        release = self._places._guest.release
        if struct.startswith("_") or not field_paths(known_struct(struct, release), release):
            raise AttributeError(struct)
        return _Struct(self, struct, field_paths(struct, release))

    def __repr__(self) -> str:
        return f'<guest.buffer("{self._place}", struct=..., ...)>'


class _Struct:
    """``guest.buffer.stack.evtchn_send``: puts that struct there; its fields are keywords."""

    def __init__(self, place: _Place, struct: str, paths: tuple[str, ...]) -> None:
        self._place = place
        self._struct = struct
        self.__doc__ = f"Place a struct {struct}; fields: {', '.join(paths)}."
        keyword = inspect.Parameter.KEYWORD_ONLY
        names = [name for path in paths if (name := path.replace(".", "__")).isidentifier()]
        fields = [inspect.Parameter(name, keyword, default=0) for name in names]
        others = [inspect.Parameter(name, keyword, default=None) for name in _KEYWORDS[4:-2]]
        taken = dict(zip(names, fields, strict=True))
        taken |= {one.name: one for one in others if one.name not in taken}
        self.__signature__ = inspect.Signature(list(taken.values()))

    def __call__(self, **values: Any) -> Buffer:
        return self._place(struct=self._struct, **values)

    def __repr__(self) -> str:
        return f"<struct {self._struct}{self.__signature__}>"


def _linear(address: Any) -> Gva | None:
    if address is None or isinstance(address, Gva):
        return address
    return parse_address(address, Gva) if isinstance(address, str) else Gva(address)


def _contents(
    guest: GuestState,
    struct: str,
    given: Mapping[str, object],
    array: Sequence[object],
    text: str,
    data: bytes,
    at: int,
) -> Contents:
    ways = [word for word, one in (("struct", struct), ("text", text), ("data", data)) if one]
    if len(ways) > 1 or (array and not struct) or (array and given):
        raise MachineError("contents: expected struct (with fields or array), text or data")
    names = guest.domain.buffers
    if struct:
        known_struct(struct, guest.release)
    elements: Elements = tuple(_element(struct, item, names, guest.release) for item in array)
    return Contents(
        struct=struct,
        fields=checked_pairs(struct, given, names, guest.release) if given else (),
        array=elements,
        text=text,
        data=bytes(data),
        at=at if ways else 0,
        xen=guest.release,
    )


def _element(struct: str, item: object, names: Mapping[str, object], release: str) -> Any:
    if field_paths(struct, release):
        if not isinstance(item, Mapping):
            raise MachineError(f"array of {struct}: expected fields by name, got {item!r}")
        return checked_pairs(struct, item, names, release)
    return checked_scalar(struct, as_value(item, names), release)


def _check(spec: BufferSpec, *, image: bool) -> None:
    """Check what the scenario language asks of a buffer, besides what the guest does."""
    need = spec.contents.size
    fixed = spec.place == "fixed"
    problems = (
        (spec.size is None and not need, "no length: give a number of bytes, or contents"),
        (spec.size is not None and not 1 <= spec.size <= 1 << 40,
         f"a length of {spec.size}: expected at least 1"),
        (spec.size is not None and spec.size < need,
         f"its contents take {need} bytes, more than its length of {spec.size}"),
        (spec.contents.at < 0, f"contents at {spec.contents.at}: expected 0 or more"),
        (image and (not fixed or spec.address is None),
         'in a memory image buffers are given by address: ("fixed", ..., address=...)'),
        (fixed and not image and (spec.address is None or not spec.frames),
         "a fixed place needs address=... and frames=[...]"),
    )  # fmt: skip
    for wrong, why in problems:
        if wrong:
            raise MachineError(f"buffer {spec.name!r}: {why}")

"""One root error, and subclasses that carry fields.

A guest's page fault is never one of these: it is an answer, a value on a
recorded step. These are for misuse of the library and for bad input.
"""

from __future__ import annotations

__all__ = [
    "AddressError",
    "CatalogueError",
    "DesignError",
    "ImageError",
    "InputError",
    "MachineError",
    "RecorderError",
    "RecordingError",
    "ReleaseError",
    "ScenarioError",
    "UnsaidError",
    "XenexploreError",
]


class XenexploreError(Exception):
    """Root of every error that xenexplore raises on purpose.

    It passes from one process to another as it is, whatever its constructor requires.

    >>> import pickle
    >>> error = InputError("dump", "CR3", expected="an address", got="none")
    >>> str(pickle.loads(pickle.dumps(error)))
    'dump: CR3: expected an address, got none'
    """

    def __reduce__(self) -> tuple[object, ...]:
        return _same, (type(self), self.args), vars(self)


def _same(kind: type[XenexploreError], args: tuple[object, ...]) -> XenexploreError:
    """An error with its words, not made again from them; its fields come after."""
    return kind.__new__(kind, *args)


class AddressError(XenexploreError, ValueError):
    """An address or range does not exist in its address space.

    Attributes:
        value: the input (an integer, or the text that did not parse).
        space: the address space it was meant for, e.g. ``"linear"``.
        expected: what that space accepts.
    """

    def __init__(self, value: int | str, space: str, expected: str) -> None:
        self.value = value
        self.space = space
        self.expected = expected
        if isinstance(value, str):
            shown = repr(value)
        else:
            shown = f"{'-' if value < 0 else ''}{abs(value):#x}"
        super().__init__(f"{shown} is not a {space} address: expected {expected}")


class InputError(XenexploreError):
    """Input is malformed or missing.

    Attributes:
        source: the file (or ``"standard input"``, or a built-in's name).
        place: the place in it: an offset, a line, a field.
        expected: the expected input.
        got: the actual input.
        hint: the likely cause, or a remedy.
    """

    def __init__(
        self, source: object, place: str, *, expected: str, got: str, hint: str = ""
    ) -> None:
        self.source = str(source)
        self.place = place
        self.expected = expected
        self.got = got
        self.hint = hint
        where = f"{self.source}: {place}" if place else self.source
        tail = f"; {hint}" if hint else ""
        super().__init__(f"{where}: expected {expected}, got {got}{tail}")


class ImageError(InputError):
    """A memory image cannot be read."""


class RecordingError(InputError):
    """A recording of hypercalls cannot be read."""


class RecorderError(InputError):
    """The recorder cannot be set up, or a run did not complete."""


class ScenarioError(InputError):
    """A scenario's text is malformed or asks for something impossible."""


class DesignError(InputError):
    """A design's class cannot be run: a mistake in a hook, or in the class itself.

    Attributes:
        source: the file of the class, or ``"a notebook's cell"``.
        line: line of the file, from 1; 0 if unknown.
        hook: class and hook, ``"LastWalk.locate"``, or the class alone.
        expected, got, hint: as for :class:`InputError`.
    """

    def __init__(
        self, source: object, line: int, hook: str, *, expected: str, got: str, hint: str = ""
    ) -> None:
        self.line = line
        self.hook = hook
        place = f"line {line}, {hook}" if line else hook
        super().__init__(source, place, expected=expected, got=got, hint=hint)


class CatalogueError(XenexploreError, LookupError):
    """A hypercall, sub-op or struct is not in the catalogue.

    Attributes:
        wanted: the name that was requested.
        nearest: similar names, best first.
    """

    def __init__(self, wanted: str, nearest: tuple[str, ...] = ()) -> None:
        self.wanted = wanted
        self.nearest = nearest
        hint = f"; did you mean {', '.join(nearest)}?" if nearest else ""
        super().__init__(f"no hypercall or sub-op {wanted!r} in the catalogue{hint}")


class ReleaseError(CatalogueError):
    """A release of Xen that the catalogue does not cover, or that lacks the requested entry.

    Attributes:
        xen: the version of Xen.
        known: the releases that the catalogue covers; empty if ``xen`` is one of them.
        when: the releases that have the missing entry, e.g. ``"since 4.18"``.
    """

    def __init__(
        self, xen: str, *, wanted: str = "", when: str = "", known: tuple[str, ...] = ()
    ) -> None:
        super().__init__(wanted or f"Xen {xen}", known)
        self.xen = xen
        self.known = known
        self.when = when
        text = (
            f"Xen {xen} has no {wanted}: it is there {when}"
            if wanted
            else f"no Xen {xen!r} in the catalogue: it covers {', '.join(known)}"
        )
        self.args = (text,)


class MachineError(XenexploreError, ValueError):
    """A machine (guest, P2M, page tables, registered buffer) cannot be built as asked."""


class UnsaidError(MachineError):
    """A memory image that serves as a guest lacks needed information."""

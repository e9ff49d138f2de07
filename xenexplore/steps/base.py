"""Base class of steps, citations, and the recorder that makes a tree of steps."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from types import MappingProxyType
from typing import ClassVar, TypeAlias

from xenexplore.addr import Range, Space

__all__ = [
    "Cite",
    "Json",
    "Node",
    "Recorder",
    "Step",
    "counted",
    "field_json",
    "mail",
    "step_kinds",
    "xen",
]

Json: TypeAlias = (
    "bool | int | float | str | list[Json] | tuple[Json, ...] | dict[str, Json] | None"
)


@dataclass(frozen=True, slots=True)
class Cite:
    """Source of a rule of the model.

    Attributes:
        where: a Xen source file (``xen/...``), a manual, or a mail
            (``"Beulich, 29 Sep 2022"``).
        what: the symbol, section, or Message-ID there.
        version: the Xen release it was read in (``"4.17"``), or ``""``.
    """

    where: str
    what: str = ""
    version: str = ""

    def __str__(self) -> str:
        text = f"{self.what}, {self.where}" if self.what else self.where
        return f"{text} ({self.version})" if self.version else text


def xen(where: str, what: str, version: str = "4.17") -> Cite:
    """Cite a symbol of Xen's source, e.g. ``xen("xen/arch/x86/hvm/hvm.c", "__hvm_copy")``."""
    return Cite(where, what, f"Xen {version}")


def mail(who: str, date: str, message_id: str) -> Cite:
    """Cite a mail to xen-devel by author, date and Message-ID.

    Args:
        who: the author, by surname.
        date: day, month, year.
        message_id: without angle brackets.

    >>> print(mail("Gross", "28 Sep 2022", "94aab958@suse.com"))
    <94aab958@suse.com>, Gross, 28 Sep 2022
    """
    return Cite(f"{who}, {date}", f"<{message_id}>")


def counted(number: int, noun: str) -> str:
    """A number with its noun: ``"1 byte"``, ``"4 bytes"``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One recorded event.  Subclasses add fields and a sentence on their meaning.

    A kind of step is its class, which defines its name in JSON, its sentence and its counts; one
    rule of :mod:`xenexplore.render.views.step_labels` draws it.

    Class attributes:
        kind: its name in JSON, unique for each subclass.
        alike: fields that are equal in steps that repeat each other, e.g. in two walks. Addresses
            and frames may differ; actor, action and object may not.
        as_hex: fields that are addresses, registers or table entries as plain
            integers: hex strings in a trace, however small.

    Attributes:
        cite: the rule behind it.
    """

    kind: ClassVar[str] = "step"
    alike: ClassVar[tuple[str, ...]] = ()
    as_hex: ClassVar[frozenset[str]] = frozenset()

    cite: Cite

    def __init_subclass__(cls) -> None:
        if "kind" not in vars(cls):
            raise TypeError(f"step {cls.__name__}: expected a kind of its own")
        known = _KINDS.get(cls.kind)
        # dataclass(slots=True) makes each class twice, and names its scope only afterwards.
        if known is not None and _place(known) != _place(cls) and not _again(known, cls):
            raise TypeError(f"step {cls.__name__}: kind {cls.kind!r} is {known.__name__}'s")
        _KINDS[cls.kind] = cls

    def tally(self) -> Mapping[str, int]:
        """Counts that the step adds to :class:`~xenexplore.hypervisor.outcome.Counts`, by name."""
        return {}

    def say(self) -> str:
        """One plain sentence that makes sense without the other steps."""
        raise NotImplementedError(type(self).__name__)

    def as_json(self) -> dict[str, Json]:
        """Kind, sentence, citation and fields; addresses as hex strings."""
        record: dict[str, Json] = {"kind": self.kind, "say": self.say(), "cite": str(self.cite)}
        for field in fields(self):
            if field.name != "cite":
                record[field.name] = field_json(getattr(self, field.name))
        return record


_KINDS: dict[str, type[Step]] = {}
_OWN = f"{__name__.partition('.')[0]}."


def _place(kind: type[Step]) -> tuple[str, str]:
    return kind.__module__, kind.__name__


def _again(known: type[Step], kind: type[Step]) -> bool:
    """Whether a reader's own step is defined once more: its file was changed and read again."""
    theirs = not any(one.__module__.startswith(_OWN) for one in (known, kind))
    return theirs and known.__name__ == kind.__name__


def step_kinds() -> Mapping[str, type[Step]]:
    """Every kind of step there is, by its name in JSON.

    >>> step_kinds()["pte-read"].__name__
    'PteRead'
    """
    return MappingProxyType(_KINDS)


def field_json(value: object) -> Json:
    """A field of a step as JSON: addresses as hex strings, enums by name, bytes as hex."""
    if isinstance(value, enum.StrEnum):
        return value.value
    if isinstance(value, enum.Enum):
        return value.name.lower()
    if value is None or isinstance(value, bool | float | str):
        return value
    if isinstance(value, int):
        # Integers past 2**53 do not survive JSON readers.
        return value if abs(value) < 1 << 53 else f"{value:#x}"
    if isinstance(value, Space):
        return value.hex()
    if isinstance(value, Range):
        return {"start": value.start.hex(), "size": value.size}
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Mapping):
        return {str(key): field_json(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [field_json(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: field_json(getattr(value, field.name)) for field in fields(value)}
    raise TypeError(f"a step carries a {type(value).__name__}, which has no JSON form")


@dataclass(frozen=True, slots=True)
class Node:
    """A step in its place in the tree.

    Attributes:
        index: position in the recording, from 0, in the order things began.
        parent: index of the enclosing step, or -1.
        depth: number of enclosing steps.
        step: what happened.
    """

    index: int
    parent: int
    depth: int
    step: Step


def _refuse_unfit(step: object) -> None:
    """A step that cites nothing, or that cannot say itself, is its author's mistake.

    Raises:
        TypeError: what is wrong with it.
    """
    kind = type(step)
    if not isinstance(step, Step):
        raise TypeError(f"expected a step to record, got {kind.__name__}")
    cite: object = step.cite
    if not isinstance(cite, Cite) or not cite.where:
        raise TypeError(f"step {kind.__name__} without a citation: cite={cite!r}")
    if not kind.__module__.startswith(_OWN):
        said: object = step.say()
        if not isinstance(said, str) or not said:
            raise TypeError(f"step {kind.__name__}: say() gives {said!r}, not a sentence")


class Recorder:
    """Collects steps as a tree, in order.  Mutable while recording; its nodes are not.

    Attributes:
        limit: the most steps it takes, or None: a loop that has no end is stopped there.
    """

    __slots__ = ("_nodes", "_open", "_waiting", "limit")

    def __init__(self) -> None:
        self.limit: int | None = None
        self._nodes: list[Node] = []
        self._open: list[int] = []
        self._waiting: list[Step] = []

    def add(self, step: Step) -> int:
        """Record a step under whatever is open; returns its index."""
        for heading in self._waiting:
            self._open.append(self._put(heading))
        self._waiting.clear()
        return self._put(step)

    def _put(self, step: Step) -> int:
        index = len(self._nodes)
        _refuse_unfit(step)
        if self.limit is not None and index >= self.limit:
            raise RuntimeError("the copy does not terminate")
        parent = self._open[-1] if self._open else -1
        self._nodes.append(Node(index, parent, len(self._open), step))
        return index

    @contextmanager
    def under(self, step: Step) -> Iterator[int]:
        """Record a step and everything recorded inside the block as its children."""
        index = self.add(step)
        self._open.append(index)
        try:
            yield index
        finally:
            self._open.pop()

    @contextmanager
    def headed(self, step: Step) -> Iterator[None]:
        """Like :meth:`under`, but without anything inside the step is not recorded either."""
        self._waiting.append(step)
        try:
            yield
        finally:
            if self._waiting:
                self._waiting.pop()
            else:
                self._open.pop()

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Everything recorded so far, parents before children."""
        return tuple(self._nodes)

    def __len__(self) -> int:
        return len(self._nodes)

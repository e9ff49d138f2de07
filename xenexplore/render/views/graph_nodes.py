"""The nodes of a translation's graph: what each stands for, and where it goes on paper."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["GraphNode", "NodeKey", "NodePosition", "NodeRole"]


class NodeRole(enum.Enum):
    """Role of a node of the graph."""

    CALL = enum.auto()
    HANDLE = enum.auto()
    LOOKUP = enum.auto()
    """A search of registered buffers."""
    ENTRY = enum.auto()
    """A page-table entry."""
    LIST = enum.auto()
    REGISTERS = enum.auto()
    FAULT = enum.auto()
    GUEST_FRAME = enum.auto()
    MACHINE_FRAME = enum.auto()
    """What the P2M makes of a guest frame."""
    HOLE = enum.auto()
    """A guest frame for which the P2M has nothing."""
    MEANT = enum.auto()
    """The guest frame that the caller meant."""

    @property
    def of_p2m(self) -> bool:
        """Whether only the P2M leads there."""
        return self in (NodeRole.MACHINE_FRAME, NodeRole.HOLE)


class NodeKey(NamedTuple):
    """Equal keys: the same node.

    Attributes:
        role: what it stands for.
        value: the frame, entry's address or step that tells it from others of its role.
        depth: how many steps into the translation, where that tells nodes apart.
        level: the entry's level, or 0.
    """

    role: NodeRole
    value: int | None = 0
    depth: int = 0
    level: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphNode:
    """A node of the graph: attribute ``place``.

    Attributes:
        kind: the kind of step that it stands for, e.g. ``"pte-read"``; or
            ``"frame"`` for a guest frame.
        label: one or two words.
        main: an address, an entry.
        side: what else there is to say.
        first: the step by which it is reached.
        told: the step from which ``side`` and ``tone`` hold, where that is later; else 0.
        times: how many pieces came by.
        tone: ``"good"``, ``"miss"``, ``"bad"`` or ``"plain"``.
    """

    kind: str
    label: str
    main: str = ""
    side: str = ""
    first: int = 0
    told: int = 0
    times: int = 1
    tone: str = "plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePosition:
    """Position of a node: column, from 0, and row, from 0, maybe between two rows."""

    layer: int
    row: float

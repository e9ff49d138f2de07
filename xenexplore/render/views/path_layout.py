"""Layout of the path of one piece, and the address bits that choose each entry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from xenexplore.render.views.graph_nodes import NodeKey, NodePosition, NodeRole
from xenexplore.render.views.piece_paths import PiecePath
from xenexplore.render.views.step_tree import StepTree
from xenexplore.steps import PteRead

__all__ = ["AddressField", "address_fields", "path_positions"]

_INDEX_BITS = 9  # Intel SDM vol. 3A, 4.5: each level takes nine bits of a 64-bit address
_PAGE_BITS = 12
_LARGE = 1 << 7  # PS: the entry maps a page, not a table
_ADDRESS_BITS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressField:
    """A part of a linear address.

    Attributes:
        column: over which column of the path it stands.
        high: highest bit.
        low: lowest bit.
        text: its value: decimal where it chooses an entry, else hexadecimal.
        level: of the table that it is an index of; 0 for the offset in the page, -1 for the
            bits above, which repeat the highest one that is used.
    """

    column: int
    high: int
    low: int
    text: str
    level: int


def path_positions(path: PiecePath) -> dict[NodeKey, NodePosition]:
    """Columns from the handle, in column 0, to the frame; row 1 for what branches off.

    A lookup that missed and the frame that was meant are branches.  The call has no place.
    """
    columns = {NodeKey(NodeRole.HANDLE): NodePosition(layer=0, row=0)}
    missed = {edge.start for edge in path.edges if edge.way == "miss"}
    column = 1
    for key in path.nodes:
        if key.role in (NodeRole.CALL, NodeRole.HANDLE, NodeRole.MEANT):
            continue
        if key in missed:
            columns[key] = NodePosition(layer=column, row=1)
            continue
        columns[key] = NodePosition(layer=column, row=0)
        column += 1
    frames = [key for key in columns if key.role is NodeRole.GUEST_FRAME]
    for key in path.nodes:
        if key.role is NodeRole.MEANT:
            over = columns[frames[-1]].layer if frames else column
            columns[key] = NodePosition(layer=over, row=1)
    return columns


def address_fields(
    tree: StepTree, path: PiecePath, positions: Mapping[NodeKey, NodePosition]
) -> tuple[AddressField, ...]:
    """The fields of the address that a path's walk goes by, highest first; none without a walk.

    None, too, where the entries were not chosen by nine bits a level (a 32-bit guest's).
    ``positions`` are the path's, of :func:`path_positions`.
    """
    if path.va is None:
        return ()
    reads = [
        (positions[key].layer, node.first)
        for key, node in path.nodes.items()
        if key.role is NodeRole.ENTRY and positions[key].row == 0
    ]
    fields: list[AddressField] = []
    low = _ADDRESS_BITS
    for column, index in reads:
        step = tree.steps[index].step
        assert isinstance(step, PteRead)
        high, low = _PAGE_BITS + _INDEX_BITS * step.level - 1, _shift(step.level)
        value = _bits(path.va, high, low)
        if value != step.index:
            return ()
        if not fields and high < _ADDRESS_BITS - 1:
            above = f"{_bits(path.va, _ADDRESS_BITS - 1, high + 1):x}"
            fields.append(
                AddressField(column=0, high=_ADDRESS_BITS - 1, low=high + 1, text=above, level=-1)
            )
        fields.append(
            AddressField(column=column, high=high, low=low, text=str(value), level=step.level)
        )
    last, at = reads[-1]
    step = tree.steps[at].step
    assert isinstance(step, PteRead)
    whole = step.level == 1 or bool(step.entry & _LARGE)
    offset = f"{_bits(path.va, low - 1, 0):x}"
    fields.append(
        AddressField(column=last + 1, high=low - 1, low=0, text=offset, level=0 if whole else -1)
    )
    return tuple(fields)


def _shift(level: int) -> int:
    return _PAGE_BITS + _INDEX_BITS * (level - 1)


def _bits(value: int, high: int, low: int) -> int:
    return value >> low & (1 << high - low + 1) - 1

"""Columns of equal length, one row for each recorded thing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["Columns"]


@dataclass(frozen=True, slots=True)
class Columns:
    """Arrays of one length, one row per record."""

    def __post_init__(self) -> None:
        lengths = set()
        for name in self.names():
            array = getattr(self, name)
            array.setflags(write=False)
            lengths.add(len(array))
        if len(lengths) > 1:
            raise ValueError(f"{type(self).__name__}: columns of different lengths {lengths}")

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The columns' names, in declared order."""
        return tuple(item.name for item in fields(cls))

    def __len__(self) -> int:
        return len(getattr(self, self.names()[0]))

    def __getitem__(self, rows: slice) -> Self:
        """The rows of a slice: views, not copies."""
        return type(self)(*(getattr(self, name)[rows] for name in self.names()))

    def pick(self, rows: NDArray[np.int64]) -> Self:
        """The given rows, copied."""
        return type(self)(*(getattr(self, name)[rows] for name in self.names()))

    @classmethod
    def concatenate(cls, parts: Sequence[Self]) -> Self:
        """The rows of at least one part, in order."""
        if len(parts) == 1:
            return parts[0]
        return cls(*(np.concatenate([getattr(p, name) for p in parts]) for name in cls.names()))

    def equal(self, other: Self) -> bool:
        """Whether both hold the same values in every column."""
        return all(
            np.array_equal(getattr(self, name), getattr(other, name)) for name in self.names()
        )

"""A whole address space of an image: its runs, and what they were read from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from xenexplore.display import Shown, text_of
from xenexplore.paging.batch.page_runs import Join, PageRun, PageRuns, find_page_runs
from xenexplore.paging.batch.table_arrays import read_tables
from xenexplore.paging.image_target import ImageTarget, missing_table

__all__ = ["AddressSpace", "map_target"]


@dataclass(frozen=True, slots=True, eq=False)
class AddressSpace(Shown):
    """The runs of one address space.

    Attributes:
        target: the image, and whose page tables.
        runs: ascending; iterating over the address space gives them, too.
        physical: whether only pages that follow each other in memory were joined.
    """

    target: ImageTarget
    runs: PageRuns
    physical: bool

    def __len__(self) -> int:
        return len(self.runs)

    def __iter__(self) -> Iterator[PageRun]:
        return iter(self.runs)

    def __getitem__(self, index: int) -> PageRun:
        return self.runs[index]

    def __repr__(self) -> str:
        return (
            f"<AddressSpace of {self.target.image.name}: {len(self.runs)} runs, "
            f"{self.runs.mapped_bytes:#x} bytes mapped>"
        )

    def text(self, *, unicode: bool = False, fold: bool = True) -> str:
        """The runs as text of 72 columns.

        Args:
            unicode: box characters instead of ASCII.
            fold: runs that repeat at equal distances become one line.
        """
        return text_of(self, unicode=unicode, fold=fold)


def map_target(target: ImageTarget, *, physical: bool = False) -> AddressSpace:
    """Every run of equal pages with equal rights.

    Args:
        target: the image, and whose page tables.
        physical: join only pages that also follow each other in memory.

    Raises:
        ImageError: the page tables lead out of the image.
        MachineError: paging is off, or the runs are too many to list.
    """
    tables = read_tables(target.image, target.state)
    if tables.missing:
        raise missing_table(target.image, *tables.missing[0])
    runs = find_page_runs(tables, Join.PHYSICAL if physical else Join.RIGHTS)
    return AddressSpace(target, runs, physical)

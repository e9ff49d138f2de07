"""A whole address space of an image: its runs, and their source."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from xenexplore.display import Shown, text_of
from xenexplore.errors import ImageError
from xenexplore.paging.batch.hidden import Hidden, hidden_parts
from xenexplore.paging.batch.page_runs import Join, PageRun, PageRuns, find_page_runs
from xenexplore.paging.batch.table_arrays import read_tables
from xenexplore.paging.image_state import pkru_is_open
from xenexplore.paging.image_target import ImageTarget
from xenexplore.paging.state import CR4_PKE

__all__ = ["AddressSpace", "map_target"]


@dataclass(frozen=True, slots=True, eq=False)
class AddressSpace(Shown):
    """The runs of one address space, as far as the image contains its tables.

    Attributes:
        target: the image and its page tables.
        runs: the runs, ascending; iterating over the address space yields them too.
        physical: whether only physically contiguous pages were joined.
        hidden: the memory hidden by tables missing from the image; empty if none is missing.
        damage: damage found in the image while its tables were read.
    """

    target: ImageTarget
    runs: PageRuns
    physical: bool
    hidden: tuple[Hidden, ...] = ()
    damage: tuple[ImageError, ...] = ()

    def __len__(self) -> int:
        return len(self.runs)

    def __iter__(self) -> Iterator[PageRun]:
        return iter(self.runs)

    def __getitem__(self, index: int) -> PageRun:
        return self.runs[index]

    def __repr__(self) -> str:
        missing = f", {len(self.hidden)} tables missing" if self.hidden else ""
        return (
            f"<AddressSpace of {self.target.image.name}: {len(self.runs)} runs, "
            f"{self.runs.mapped_bytes:#x} bytes mapped{missing}>"
        )

    @property
    def complete(self) -> bool:
        """Whether nothing is missing or damaged: neither tables nor parts of the image."""
        return not (self.hidden or self.damage or self.target.image.gaps)

    def missing(self) -> Iterator[tuple[ImageError, Hidden]]:
        """Each missing table's error, and what it hides."""
        for part in self.hidden:
            yield self.target.missing_table(*part.missing), part

    def keys_in_question(self) -> tuple[int, ...]:
        """Protection keys of user pages where PKRU decides, and is not known; ascending.

        Key 0 is none of them: Linux never denies it.
        """
        if not pkru_is_open(self.target.known):
            return ()
        return tuple(sorted({key for key in self.runs.user_keys if key}))

    def denied_keys(self) -> tuple[int, ...]:
        """Protection keys of user pages to which PKRU, which is known, denies any data access."""
        known = self.target.known
        if not known.pkru_known or not known.state.cr4 & CR4_PKE:
            return ()
        return tuple(sorted(k for k in self.runs.user_keys if known.state.pkru >> 2 * k & 1))

    def text(self, *, unicode: bool = False, fold: bool = True) -> str:
        """The runs as text of 72 columns.

        Args:
            unicode: box characters instead of ASCII.
            fold: runs that repeat at equal distances become one line.
        """
        return text_of(self, unicode=unicode, fold=fold)


def map_target(
    target: ImageTarget, *, physical: bool = False, strict: bool = False
) -> AddressSpace:
    """Every run of equal pages with equal rights.

    Args:
        target: the image and its page tables.
        physical: join only pages that are also physically contiguous.
        strict: refuse tables that are incomplete or damaged.

    Raises:
        ImageError: CR3 leads out of the image; if ``strict``, any table does.
        MachineError: paging is off, or the runs are too many to list.
    """
    tables = read_tables(target.image, target.state)
    if tables.missing and (strict or not tables.has_root):
        raise target.missing_table(*tables.missing[0])
    damage = tuple(target.image.damage)
    if damage and strict:
        raise damage[0]
    runs = find_page_runs(tables, Join.PHYSICAL if physical else Join.RIGHTS)
    return AddressSpace(target, runs, physical, hidden_parts(tables), damage)

"""The memory image that a guest is, and facts that its file lacks."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path

from xenexplore.addr import Gva
from xenexplore.errors import MachineError
from xenexplore.paging import Mode

__all__ = ["IMAGE_MODES", "MOST_SPARE_PAGES", "ImageSource"]

IMAGE_MODES = {"4": Mode.LEVEL4, "5": Mode.LEVEL5}
"""The paging modes of a guest that makes 64-bit hypercalls, as ``--mode`` names them."""

MOST_SPARE_PAGES = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSource:
    """A memory image that serves as a guest.  The file is read, never written.

    Attributes:
        file: a memory image of any kind that is read: its memory, page tables and vCPUs.
            A name without a leading slash begins at the scenario's own folder.
        folder: where a relative name begins; ``""`` for the working directory.
        cr3: page tables of every vCPU, instead of those that the image says; a
            guest-physical (PV: machine) address.
        first_vcpu: which of the image's vCPUs is the guest's vCPU 0; the next ones follow.
        registers: a file with the output of QEMU's ``info registers`` or of ``xenctx``.
        raw: the file is raw memory, from address 0.
        mode: levels of its page tables, if the image does not say: ``"4"`` or ``"5"``.
        c_bit: position of the memory encryption bit in entries and CR3.
        pkru: PKRU; without it protection keys deny no access.
        maxphyaddr: guest-physical address bits of its CPU; without it none is reserved.
        directmap: linear address of guest-physical address 0 in its directmap.  Checked
            against the page tables; without it the guest has no known directmap.
        spare: linear address of memory that designs may use for their data in the guest (bounce
            pages, lists, tables): mapped, writable, and in the image.
        spare_pages: its size in 4 KiB pages.
        limit: most bytes that a compressed file may unfold to; None: half of this
            machine's memory.
    """

    file: str
    folder: str = field(default="", compare=False)
    cr3: int | None = None
    first_vcpu: int = 0
    registers: str | None = None
    raw: bool = False
    mode: str | None = None
    c_bit: int | None = None
    pkru: int | None = None
    maxphyaddr: int | None = None
    directmap: Gva | None = None
    spare: Gva | None = None
    spare_pages: int = 0
    limit: int | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if not self.file or "\0" in self.file:
            raise MachineError(f"image {self.file!r}: expected the name of a file")
        if self.mode is not None and self.mode not in IMAGE_MODES:
            raise MachineError(
                f"image mode {self.mode!r}: expected one of {', '.join(IMAGE_MODES)}; "
                "64-bit hypercalls are made in these"
            )
        if (self.spare is None) != (self.spare_pages == 0):
            raise MachineError("spare and spare_pages: expected both or neither")
        if not 0 <= self.spare_pages <= MOST_SPARE_PAGES:
            raise MachineError(
                f"{self.spare_pages} spare pages: expected at most {MOST_SPARE_PAGES}"
            )
        for name, at in (("spare", self.spare), ("directmap", self.directmap)):
            if at is not None and at.offset:
                raise MachineError(f"{name} {at.hex()}: expected the start of a page")

    def path(self, name: str) -> Path:
        """A named file, relative to the folder."""
        return Path(self.folder) / name

    def said(self) -> dict[str, object]:
        """The settings of the image, by the names above; those at their defaults are left out."""
        given = {one.name: getattr(self, one.name) for one in fields(self) if one.compare}
        defaults = {one.name: one.default for one in fields(self)}
        return {name: value for name, value in given.items() if value != defaults[name]}

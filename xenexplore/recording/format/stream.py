"""Bytes of a recording, block by block: plain or .zst; a file, a built-in or standard input."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from xenexplore.errors import RecordingError
from xenexplore.files import BLOCK, Cut, read_blocks

__all__ = ["BLOCK", "BUILT_INS", "LIMIT", "WITH_SYMBOLS", "Cut", "blocks", "built_in_path"]

# A boot of dom0 and one domU is 20 MB of text; a record is about 100 bytes.
LIMIT = 4 << 30

# Shipped with the package; see data/PROVENANCE.md.
BUILT_INS = (
    "pv", "pvh", "pvh-callers", "pvh-boot", "pvh-backends", "pvh-net", "pvh-smp", "pvh-xen420",
    "pvh-no-vmap", "pvh-vmap", "hvm", "runstate-loop",
)  # fmt: skip
# Those whose guests ran the kernel that ``kallsyms.dom0`` is of.
_OTHER_KERNELS = ("pvh-xen420", "pvh-no-vmap", "pvh-vmap", "runstate-loop")
WITH_SYMBOLS = tuple(name for name in BUILT_INS if name not in _OTHER_KERNELS)


def built_in_path(name: str) -> Path:
    """Path of a built-in recording (or ``kallsyms.dom0``).

    Raises:
        RecordingError: there is no such built-in.
    """
    ending = "kallsyms.dom0.zst" if name == "kallsyms.dom0" else f"{name}.jsonl.zst"
    with resources.as_file(resources.files("xenexplore.recording") / "data" / ending) as path:
        if not path.exists():
            raise RecordingError(
                name, "", expected=f"a built-in ({', '.join(BUILT_INS)})", got="another name"
            )
        return path


def _resolve(source: str | Path) -> Path:
    path = Path(source)
    if str(source) in BUILT_INS and not path.exists():
        return built_in_path(str(source))
    return path


def blocks(source: str | Path, limit: int | None = None) -> Iterator[bytes]:
    """Yield the text of a recording in blocks of about a mebibyte, in bounded memory.

    Args:
        source: a path, a built-in's name (a file of that name wins), or ``"-"``.
        limit: most bytes of text, decompressed; None for :data:`LIMIT`.

    Raises:
        Cut: the compressed stream is damaged here.
        RecordingError: standard input is closed; there is more than the limit.
        OSError: the file cannot be read.
    """
    path = source if str(source) == "-" else _resolve(source)
    most = LIMIT if limit is None else limit
    yield from read_blocks(path, most, what="a recording", error=RecordingError)

"""One line of a recording: its typed form, and its possible faults.

The fast path decodes whole blocks of lines; only when that fails is a block
gone through line by line here, to say which line is wrong and how.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from xenexplore.recording.format.columns import DIRECTIONS

__all__ = [
    "ADDRESS_LIMIT",
    "FORMAT",
    "VERSION",
    "VERSIONS",
    "BadLine",
    "Line2",
    "RecordLine",
    "check_meta",
    "decoders",
    "read_line",
    "version_of",
]

FORMAT = "xenexplore-recording"
VERSION = 2
VERSIONS = (1, 2)

ADDRESS_LIMIT = 1 << 64
# Largest plus one, by field; addresses and registers are 64 bits wide.  A
# hypercall number is EAX (pv_hypercall() and hvm_hypercall() in Xen 4.17
# compare 32 bits), a frame number 52 bits (MAXPHYADDR), a length unsigned int.
_LIMITS = {"n": 1 << 32, "gfn": 1 << 52, "l": 1 << 32, "s": 1 << 62, "x": 1 << 62,
           "d": 1 << 15, "v": 1 << 31, "cs": 1 << 16, "p": 1 << 31, "o": 1 << 62,
           "ps": 4}  # fmt: skip
_KINDS = {1: '"pv" or "hvm"', 2: '"pv", "hvm" or "hvm32"'}
# Counts have no unit that a width would come from.
_COUNT_LIMIT = 1 << 62


class RecordLine(msgspec.Struct, gc=False):
    """Version 1: every field that any kind of record may have; those present give the kind."""

    s: int | UnsetType = UNSET
    t: float | UnsetType = UNSET
    k: Literal["pv", "hvm", "hvm32"] | UnsetType = UNSET
    n: int | UnsetType = UNSET
    a: list[int] | UnsetType = UNSET
    d: int | UnsetType = UNSET
    v: int | UnsetType = UNSET
    vp: int | UnsetType = UNSET
    rip: int | UnsetType = UNSET
    rsp: int | UnsetType = UNSET
    fl: int | UnsetType = UNSET
    cs: int | UnsetType = UNSET
    cr3: int | UnsetType = UNSET
    gcr3: int | UnsetType = UNSET
    c: Literal["from", "to", "clr", "Hfrom", "Hto", "Hclr"] | UnsetType = UNSET
    x: int | UnsetType = UNSET
    va: int | UnsetType = UNSET
    l: int | UnsetType = UNSET  # noqa: E741
    w: int | UnsetType = UNSET
    gfn: int | UnsetType = UNSET
    meta: dict[str, Any] | UnsetType = UNSET


class Line2(RecordLine, gc=False):
    """Version 2: what a version 1 reader ignores, and counts."""

    p: int | UnsetType = UNSET
    o: int | UnsetType = UNSET
    ps: int | UnsetType = UNSET
    i: int | UnsetType = UNSET
    ix: int | UnsetType = UNSET
    il: int | UnsetType = UNSET
    ic: int | UnsetType = UNSET
    iw: int | UnsetType = UNSET
    ip: int | UnsetType = UNSET
    im: int | UnsetType = UNSET
    imd: int | UnsetType = UNSET
    ld: int | UnsetType = UNSET
    st: int | UnsetType = UNSET
    ldx: int | UnsetType = UNSET
    irq: int | UnsetType = UNSET
    ctx: int | UnsetType = UNSET


decoders: Mapping[int, msgspec.json.Decoder[Any]] = {
    1: msgspec.json.Decoder(RecordLine),
    2: msgspec.json.Decoder(Line2),
}

# Which fields a record needs besides the one that names its kind.
_NEEDS = {
    1: {"k": ("s", "t"), "c": ("va", "l"), "w": ("gfn", "s"), "meta": ()},
    2: {
        "k": ("s", "t", "d", "v", "p", "o"),
        "c": ("va", "l", "p"),
        "w": ("s", "d", "v", "p"),
        "meta": (),
    },
}
_COUNTS = frozenset(Line2.__struct_fields__) - {*RecordLine.__struct_fields__, "p", "o", "ps"}
_MSGSPEC = re.compile(r"^Expected `(?P<want>.+?)`, got `(?P<got>.+?)`(?: - at `\$\.?(?P<at>.*)`)?$")


class BadLine(Exception):  # noqa: N818
    """Fault of one line; the reader adds its place.

    Attributes:
        field: the field at fault, or ``""``.
        expected: the expected input.
        got: the actual input.
        hint: the likely cause, or ``""``.
    """

    def __init__(self, field: str, expected: str, got: str, hint: str = "") -> None:
        self.field = field
        self.expected = expected
        self.got = got
        self.hint = hint
        super().__init__(f"expected {expected}, got {got}{f'; {hint}' if hint else ''}")


def _shown(text: object) -> str:
    shown = repr(text)
    return shown if len(shown) <= 40 else shown[:37] + "..."


def _parse(text: bytes, version: int) -> RecordLine:
    try:
        line: RecordLine = decoders[version].decode(text)
    except msgspec.ValidationError as error:
        match = _MSGSPEC.match(str(error))
        if match:
            want, got = match["want"].replace("`", ""), match["got"]
            raise BadLine(match["at"] or "", f"{want} in JSON", got) from None
        at = str(error).rpartition("`$.")[2].rstrip("`")
        known = {"k": _KINDS[version], "c": "one of " + ", ".join(DIRECTIONS)}
        got = str(error).partition(" - at")[0].removeprefix("Invalid enum value ")
        raise BadLine(at, known.get(at, "a known value"), got.strip("'")) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadLine("", "one JSON object", f"{_shown(text)} ({error})") from None
    return line


def _check_numbers(line: RecordLine) -> None:
    for name in line.__struct_fields__:
        value = getattr(line, name)
        if type(value) is not int:
            continue
        # -1: before the first hypercall, where only walks and outside accesses can be.
        low = -1 if name == "x" or (name == "s" and line.w is not UNSET) else int(name == "ps")
        limit = _COUNT_LIMIT if name in _COUNTS else _LIMITS.get(name, ADDRESS_LIMIT)
        if not low <= value < limit:
            raise BadLine(name, f"{low} to {limit - 1:#x}", str(value))
    if line.a is not UNSET:
        if len(line.a) > 6:
            raise BadLine("a", "at most 6 argument registers", str(len(line.a)))
        for position, value in enumerate(line.a):
            if not 0 <= value < ADDRESS_LIMIT:
                raise BadLine(f"a[{position}]", f"0 to {ADDRESS_LIMIT - 1:#x}", str(value))


def version_of(text: bytes) -> int:
    """Version of the format that a recording's first line announces; 1 where it announces none.

    What is wrong with that line is left to :func:`read_line`.
    """
    try:
        first = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return 1
    meta = first.get("meta") if isinstance(first, dict) else None
    version = meta.get("version") if isinstance(meta, dict) else None
    return version if type(version) is int and version in VERSIONS else 1


def read_line(text: bytes, version: int = 1) -> RecordLine:
    """Decode one line and check everything that can be checked on one line.

    Raises:
        BadLine: it is not a record of the format.
    """
    line = _parse(text, version)
    needs = _NEEDS[version]
    kinds = [kind for kind in needs if getattr(line, kind) is not UNSET]
    if len(kinds) != 1:
        raise BadLine(
            "",
            "one of k (hypercall), c (access), w (walk), meta (header) in a record",
            " and ".join(kinds) if kinds else _shown(text),
            "unknown fields are ignored, unknown kinds of record are not",
        )
    for name in needs[kinds[0]]:
        if getattr(line, name) is UNSET:
            raise BadLine(name, f"field {name} in a record with {kinds[0]}", "none")
    if version == 1 and line.k == "hvm32":
        raise BadLine("k", _KINDS[1], "hvm32", "version 1 has no 32-bit ABI")
    if kinds[0] == "c" and (line.s is UNSET) == (line.x is UNSET):
        got = "none" if line.s is UNSET else "both"
        raise BadLine("s", "either s (inside a hypercall) or x (outside)", got)
    if version == 2 and line.x is not UNSET and UNSET in (line.d, line.v):
        raise BadLine("d", "d and v of an access outside a hypercall", "none")
    _check_numbers(line)
    if line.t is not UNSET and line.t < 0:
        raise BadLine("t", "seconds, not negative", str(line.t))
    if line.meta is not UNSET:
        check_meta(line.meta)
    return line


def check_meta(meta: dict[str, Any]) -> None:
    """Whether a header belongs to this format, in a supported version.

    Raises:
        BadLine: it is not.
    """
    version = meta.get("version", 1)
    if meta.get("format", FORMAT) != FORMAT:
        raise BadLine("meta.format", repr(FORMAT), repr(meta["format"]))
    if type(version) is not int or version not in VERSIONS:
        known = " or ".join(map(str, VERSIONS))
        raise BadLine(
            "meta.version", f"version {known}", repr(version), "written for a newer xenexplore?"
        )

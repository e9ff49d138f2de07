"""One line of a recording: its typed form, and what can be wrong with it.

The fast path decodes whole blocks of lines; only when that fails is a block
gone through line by line here, to say which line is wrong and how.
"""

from __future__ import annotations

import re
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from xenexplore.recording.format.columns import DIRECTIONS

__all__ = [
    "ADDRESS_LIMIT",
    "FORMAT",
    "VERSION",
    "BadLine",
    "RecordLine",
    "check_meta",
    "decoder",
    "read_line",
]

FORMAT = "xenexplore-recording"
VERSION = 1

ADDRESS_LIMIT = 1 << 64
# Largest plus one, by field; addresses and registers are 64 bits wide.  A
# hypercall number is EAX (pv_hypercall() and hvm_hypercall() in Xen 4.17
# compare 32 bits), a frame number 52 bits (MAXPHYADDR), a length unsigned int.
_LIMITS = {"n": 1 << 32, "gfn": 1 << 52, "l": 1 << 32, "s": 1 << 62, "x": 1 << 62,
           "d": 1 << 15, "v": 1 << 31, "cs": 1 << 16}  # fmt: skip


class RecordLine(msgspec.Struct, gc=False):
    """Every field that a record of any kind may have; the fields present tell the kind."""

    s: int | UnsetType = UNSET
    t: float | UnsetType = UNSET
    k: Literal["pv", "hvm"] | UnsetType = UNSET
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


decoder = msgspec.json.Decoder(RecordLine)

# Which fields a record needs besides the one that names its kind.
_NEEDS = {"k": ("s", "t"), "c": ("va", "l"), "w": ("gfn", "s"), "meta": ()}
_MSGSPEC = re.compile(r"^Expected `(?P<want>.+?)`, got `(?P<got>.+?)`(?: - at `\$\.?(?P<at>.*)`)?$")


class BadLine(Exception):  # noqa: N818
    """What is wrong with one line; the reader adds where it stands.

    Attributes:
        field: the field at fault, or ``""``.
        expected: what should have been there.
        got: what was there.
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


def _parse(text: bytes) -> RecordLine:
    try:
        return decoder.decode(text)
    except msgspec.ValidationError as error:
        match = _MSGSPEC.match(str(error))
        if match:
            want, got = match["want"].replace("`", ""), match["got"]
            raise BadLine(match["at"] or "", f"{want} in JSON", got) from None
        at = str(error).rpartition("`$.")[2].rstrip("`")
        known = {"k": '"pv" or "hvm"', "c": "one of " + ", ".join(DIRECTIONS)}
        got = str(error).partition(" - at")[0].removeprefix("Invalid enum value ")
        raise BadLine(at, known.get(at, "a known value"), got.strip("'")) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadLine("", "one JSON object", f"{_shown(text)} ({error})") from None


def _check_numbers(line: RecordLine) -> None:
    for name in line.__struct_fields__:
        value = getattr(line, name)
        if type(value) is not int:
            continue
        # -1: before the first hypercall, where only walks and outside accesses can be.
        low = -1 if name == "x" or (name == "s" and line.w is not UNSET) else 0
        limit = _LIMITS.get(name, ADDRESS_LIMIT)
        if not low <= value < limit:
            raise BadLine(name, f"{low} to {limit - 1:#x}", str(value))
    if line.a is not UNSET:
        if len(line.a) > 6:
            raise BadLine("a", "at most 6 argument registers", str(len(line.a)))
        for position, value in enumerate(line.a):
            if not 0 <= value < ADDRESS_LIMIT:
                raise BadLine(f"a[{position}]", f"0 to {ADDRESS_LIMIT - 1:#x}", str(value))


def read_line(text: bytes) -> RecordLine:
    """Decode one line and check all that one line can tell.

    Raises:
        BadLine: it is not a record of the format.
    """
    line = _parse(text)
    kinds = [kind for kind in _NEEDS if getattr(line, kind) is not UNSET]
    if len(kinds) != 1:
        raise BadLine(
            "",
            "one of k (hypercall), c (access), w (walk), meta (header) in a record",
            " and ".join(kinds) if kinds else _shown(text),
            "unknown fields are ignored, unknown kinds of record are not",
        )
    for name in _NEEDS[kinds[0]]:
        if getattr(line, name) is UNSET:
            raise BadLine(name, f"field {name} in a record with {kinds[0]}", "none")
    if kinds[0] == "c" and (line.s is UNSET) == (line.x is UNSET):
        got = "none" if line.s is UNSET else "both"
        raise BadLine("s", "either s (inside a hypercall) or x (outside)", got)
    _check_numbers(line)
    if line.t is not UNSET and line.t < 0:
        raise BadLine("t", "seconds, not negative", str(line.t))
    if line.meta is not UNSET:
        check_meta(line.meta)
    return line


def check_meta(meta: dict[str, Any]) -> None:
    """Whether a header is one of this format and version.

    Raises:
        BadLine: it is not.
    """
    version = meta.get("version", VERSION)
    if meta.get("format", FORMAT) != FORMAT:
        raise BadLine("meta.format", repr(FORMAT), repr(meta["format"]))
    if type(version) is not int or version != VERSION:
        raise BadLine(
            "meta.version", f"version {VERSION}", repr(version), "written for a newer xenexplore?"
        )

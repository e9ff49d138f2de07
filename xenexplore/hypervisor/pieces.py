"""The pieces that a design locates for one copy, checked against what a copy can use.

A piece is within one 4 KiB page, since ``__hvm_copy()`` maps one frame at a time
(xen/arch/x86/hvm/hvm.c); the pieces make up the access, in order, or a fault ends it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from xenexplore.addr import PAGE_SHIFT, PAGE_SIZE, Gpa
from xenexplore.errors import DesignError
from xenexplore.hypervisor.calls import GuestCall, HandleAccess, Located
from xenexplore.hypervisor.mistakes import mistake
from xenexplore.hypervisor.oracle import meant
from xenexplore.steps import Fault

if TYPE_CHECKING:
    from xenexplore.hypervisor.xen import Xen

__all__ = ["located"]

# A walk of four levels under four levels records some 30 steps for each piece; a
# design may search lists of its own, too.  Nothing that ends comes near it (ours).
_STEPS = 1 << 16
_STEPS_A_PAGE = 1 << 10


def located(xen: Xen, call: GuestCall | None, access: HandleAccess) -> Iterator[Located | Fault]:
    """Pieces that ``locate()`` yields, each checked before anything is moved.

    Raises:
        DesignError: a piece of another type or outside its page, more or fewer bytes than
            the access has, bytes located twice, a fault that was not recorded, or no end.
    """
    design, record = xen.design, xen.record
    begun = len(record)
    before, record.limit = (
        record.limit,
        begun + _STEPS + _STEPS_A_PAGE * (access.size // PAGE_SIZE + 1),
    )
    running = design.locate(xen, access)
    try:
        pieces = iter(running)
    except TypeError:
        raise mistake(
            design, "locate", expected="pieces, yielded one by one", got=repr(running),
            hint="yield xe.Located(gpa, size, checked=...) for each piece",
        ) from None  # fmt: skip
    done, taken = 0, _Taken()
    try:
        for found in pieces:
            if isinstance(found, Fault):
                _refuse_unrecorded(xen, found, begun, running)
                yield found
                return
            wrong = _wrong(found, access.size - done)
            if wrong is not None:
                raise mistake(design, "locate", running, expected=wrong[0], got=wrong[1])
            assert isinstance(found, Located)
            if taken.again(found) and not _means_twice(xen, call, access):
                raise mistake(
                    design, "locate", running,
                    expected="each byte of guest memory once",
                    got=f"{found.gpa.hex()} again in the same access",
                )  # fmt: skip
            done += found.size
            yield found
    finally:
        record.limit = before
    if done < access.size:
        raise _short(xen, access, done, begun)


def _wrong(found: object, rest: int) -> tuple[str, str] | None:
    """What was expected in place of a piece, and what it is; None: it is one."""
    if not isinstance(found, Located):
        return "an xe.Located or an xe.Fault", f"{type(found).__name__} {found!r}"
    if not isinstance(found.gpa, Gpa) or type(found.size) is not int:
        return (
            "xe.Located(gpa: xe.Gpa, size: int, ...)",
            f"{type(found.gpa).__name__}, {type(found.size).__name__}",
        )
    if found.size < 1:
        return "a piece of 1 byte or more", f"{found.size} bytes"
    if found.size > rest:
        return f"at most {rest} bytes, all that is left of the access", f"{found.size} bytes"
    if found.gpa.offset + found.size > PAGE_SIZE:
        return (
            f"a piece within one page: {PAGE_SIZE - found.gpa.offset} bytes from {found.gpa.hex()}",
            f"{found.size} bytes",
        )
    return None


class _Taken:
    """Guest-physical bytes located so far, by frame."""

    def __init__(self) -> None:
        self._ranges: dict[int, list[tuple[int, int]]] = {}

    def again(self, found: Located) -> bool:
        """Whether some of these bytes were taken before; marks them as taken."""
        start = found.gpa.value
        ranges = self._ranges.setdefault(start >> PAGE_SHIFT, [])
        twice = any(start < end and begin < start + found.size for begin, end in ranges)
        ranges.append((start, start + found.size))
        return twice


def _means_twice(xen: Xen, call: GuestCall | None, access: HandleAccess) -> bool:
    """Whether the caller's own pages name some bytes twice (one frame at two addresses)."""
    taken = _Taken()
    return any(
        gpa is not None and taken.again(Located(gpa, size, checked=False))
        for gpa, size in meant(xen, call, access, access.handle, access.size)
    )


def _refuse_unrecorded(xen: Xen, fault: Fault, begun: int, running: object) -> None:
    # A PV guest's addresses are dereferenced, not walked: the CPU's fault is not a step.
    if xen.domain.spec.has_p2m and all(node.step != fault for node in xen.nodes[begun:]):
        raise mistake(
            xen.design, "locate", running, expected="a fault that has been recorded",
            got=f"one that has not: {fault.reason!r}",
            hint="xen.emit(fault) first; a fault from xe.walk_piece() is recorded already",
        )  # fmt: skip


def _short(xen: Xen, access: HandleAccess, done: int, begun: int) -> DesignError:
    fault = next((n.step for n in xen.nodes[begun:] if isinstance(n.step, Fault)), None)
    hint = "yield every piece, or a fault that ends the copy"
    if fault is not None:
        hint = f"a fault was recorded ({fault.reason}): yield it too"
    return mistake(
        xen.design, "locate", expected=f"pieces of {access.size} bytes in total",
        got=f"{done} bytes and no fault", hint=hint,
    )  # fmt: skip

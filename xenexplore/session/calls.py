"""``xen.hypercall``: makes a hypercall; its attributes are the catalogue's names."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping

from xenexplore.errors import CatalogueError, MachineError
from xenexplore.guest.spec import no_such
from xenexplore.hypercalls.catalogue.entries import Family, SubOp, families
from xenexplore.scenario.model.action_records import CallAction
from xenexplore.scenario.model.call_names import canonical_name, find_call, op_argument
from xenexplore.scenario.model.values import Pairs
from xenexplore.scenario.run.trace import Trace
from xenexplore.session.buffer import Buffer
from xenexplore.session.tabbed import tabbed
from xenexplore.session.values import as_value
from xenexplore.session.xen_state import XenState

__all__ = ["Hypercalls", "calls_of", "named_call"]


def named_call(
    name: str, arguments: Mapping[str, object], buffers: Iterable[str], release: str
) -> tuple[str, Pairs]:
    """A hypercall's name and arguments, each checked against a release's catalogue.

    Raises:
        MachineError: no such hypercall or argument; the nearest is named.
    """
    try:
        family, op = find_call(name, release)
    except CatalogueError as error:
        raise MachineError(str(error)) from None
    selector = op_argument(family)
    known = [argument.name for argument in family.args if argument.name != selector]
    for key in arguments:
        if key not in known:
            raise no_such(f"argument of {canonical_name(family, op)}", key, known)
    pairs = tuple((key, as_value(value, buffers)) for key, value in arguments.items())
    return canonical_name(family, op), pairs


class _Named:
    """One hypercall, ready to be made: ``xen.hypercall.event_channel_op.send``."""

    def __init__(self, call: Callable[..., Trace], family: Family, op: SubOp | None) -> None:
        self._call = functools.partial(call, canonical_name(family, op))
        self._family = family
        self._op = op
        self.__doc__ = _about(family, op)
        keyword = inspect.Parameter.KEYWORD_ONLY
        names = (*_taken(family), "vcpu", "user", "cpl", "preempt", "purge_between")
        self.__signature__ = inspect.Signature(
            [inspect.Parameter(name, keyword, default=None) for name in dict.fromkeys(names)]
        )

    def __call__(self, **how: object) -> Trace:
        return self._call(**how)

    def __getattr__(self, name: str) -> _Named:
        if name.startswith("_") or self._op is not None:
            raise AttributeError(name)
        for op in self._family.ops.values():
            if name == op.name:
                return _Named(self._call.func, self._family, op)
        raise AttributeError(f"{self._family.name} has no sub-op {name!r}: {', '.join(dir(self))}")

    def __dir__(self) -> list[str]:
        if self._op is not None:
            return []
        return [op.name for op in self._family.ops.values() if op.name.isidentifier()]

    def __repr__(self) -> str:
        name = canonical_name(self._family, self._op)
        if self._op is None and self._family.ops:
            return f"<{name}: {len(self._family.ops)} sub-ops>"
        return f"<{name}({', '.join(_taken(self._family))})>"


def _taken(family: Family) -> tuple[str, ...]:
    """Names of the arguments that a call is given; the sub-op is in the hypercall's name."""
    selector = op_argument(family)
    return tuple(one.name for one in family.args if one.name != selector)


def _about(family: Family, op: SubOp | None) -> str:
    takes = ", ".join(_taken(family))
    return f"{canonical_name(family, op)}: hypercall {family.number}; arguments: {takes or 'none'}"


class Hypercalls:
    """Makes hypercalls of one guest.

    ``xen.hypercall("event_channel_op send", arg=send)``; tab after ``xen.hypercall.`` lists the
    hypercalls, and after those their sub-ops: ``xen.hypercall.event_channel_op.send(arg=send)``.
    """

    __slots__ = ("_xen",)

    def __init__(self, xen: XenState) -> None:
        self._xen = xen

    def __call__(
        self,
        name: str,
        *,
        vcpu: int = 0,
        user: bool | None = None,
        cpl: int = 0,
        preempt: Iterable[int] = (),
        purge_between: str = "",
        **arguments: object,
    ) -> Trace:
        """Make one hypercall and give its own trace.

        Args:
            name: hypercall and sub-op, ``"event_channel_op send"``.
            vcpu: which vCPU makes it.
            user: it comes from a process through privcmd (EFLAGS.AC is set); by default where
                an argument is a process's buffer.
            cpl: the ring it is made from.
            preempt: which of the points where Xen may preempt it are taken, from 1.
            purge_between: what the next vCPU purges at each preemption: ``"all"``,
                ``"stack"``, ``"buffer:NAME"``, ...
            **arguments: arguments by the catalogue's names: numbers, buffers, addresses, text
                like ``"@buffer+8"``; others are 0.

        Returns:
            The trace of this call alone; ``xen.trace`` is everything.

        Raises:
            MachineError: no such hypercall, argument or vCPU, or the model has no copy plan
                for it.
        """
        xen = self._xen
        title, given = named_call(name, arguments, xen.guest.domain.buffers, xen.guest.release)
        if user is None:
            user = any(isinstance(v, Buffer) and v.is_user for v in arguments.values())
        if cpl not in range(4):
            raise MachineError(f"ring {cpl!r}: expected 0 to 3")
        action = CallAction(
            vcpu=xen._checked_vcpu(vcpu),
            hypercall=title,
            given=given,
            user=bool(user),
            cpl=cpl,
            preempt=_points(preempt),
            purge_between=xen._checked_what(purge_between, "all") if purge_between else "",
        )
        return xen._perform(action, f"vCPU {vcpu} calls {title}")

    def __dir__(self) -> list[str]:
        return [
            family.name
            for family in families(self._xen.guest.release)
            if family.name.isidentifier()
        ]

    def __repr__(self) -> str:
        return '<xen.hypercall("event_channel_op send", arg=..., vcpu=0)>'


def calls_of(xen: XenState) -> Hypercalls:
    """The hypercalls of Xen's release, each an attribute: the completer looks at these."""
    return _with_families(xen.guest.release)(xen)


@functools.cache
def _with_families(release: str) -> type[Hypercalls]:
    members = {family.name: _named(family) for family in families(release)}
    return type(
        "Hypercalls", (Hypercalls,), {"__slots__": (), "__doc__": Hypercalls.__doc__, **members}
    )


def _named(family: Family) -> tabbed[Hypercalls, _Named]:
    def get(calls: Hypercalls) -> _Named:
        return _Named(calls.__call__, family, None)

    return tabbed(get)


def _points(preempt: Iterable[int]) -> tuple[int, ...]:
    points = tuple(preempt)
    if any(type(point) is not int or point < 1 for point in points) or sorted(set(points)) != list(
        points
    ):
        raise MachineError(f"preempt={points!r}: expected ascending numbers from 1")
    return points

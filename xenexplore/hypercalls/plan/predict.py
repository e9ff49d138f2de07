"""Run a hypercall's copy plan: what Xen copies, in which direction, order and length.

The plan of every hypercall and sub-op is data (``data/*.toml``); this module is
the one interpreter of it, a generator that yields Xen's next operation and is sent
its result.  Who drives the generator decides what it is for:

* a recording: :func:`xenexplore.hypercalls.explain` drives it against the
  copies that a real Xen made and backtracks over what is not known;
* the hypervisor model drives it against a guest's memory, where every content
  is known and decides the counts, addresses and branches that follow.

API in short::

    call = Call(number=12, args=(6, 0xffff8880_0000_1000), guest="hvm")

    explanation = explain(call, [("from", va, 32), ("from", va2, 8), ...])
    explanation.verdict      # a PlanVerdict: exact, free, unexplained, unmodelled, unknown
    explanation.free         # names of the free variables that took part, e.g. "r.nr_extents"
    explanation.choices      # reasons of the alternatives taken (error exits, continuations, ...)
    explanation.pieces       # the Copy matched with each recorded access, in order
    explanation.expected     # for "unexplained": what the furthest attempt wanted instead
    explanation.name         # "memory_op.populate_physmap", or "memory_op.77?" where unknown

    steps = predict(call)    # a generator: Copy | Choice out, replies in, Outcome returned
    step = next(steps)
    while True:
        if isinstance(step, Copy):
            # step.direction: a Direction; step.address, step.length: int or Free
            # step.role: which piece, in words; step.data: what "to" writes, where it is what
            # was read before (else None: Xen's own answer); step.inline: see below
            reply = memory bytes | None (content not known) | FAULT
        else:
            # step.reason; step.kind "branch" | "loop" | "fail" | "continue" | "state"
            # step.usual: the answer on Xen's ordinary path
            reply = True | False
        step = steps.send(reply)   # StopIteration.value is the Outcome

    outcome.how              # an Ending: returned, failed (value: the errno), continued
    outcome.args             # continued: the argument registers of the next leg, else None

In a ``PlanCopy``, ``address`` and ``length`` are plain integers whenever arguments
and known contents decide them.  Otherwise they are :class:`Free`: a linear
form ``scale * variable + offset``.  ``copy.accepts(address, length)`` says
whether an observed access is possible and binds the variables, so that what
follows (the next element of the array, the same field again) must agree.
Call it before replying; a run whose ``accepts`` returned False is over.

A failed copy (``FAULT``) ends the plan with the outcome ``failed`` unless the
plan says otherwise.  A ``PlanChoice`` of kind ``fail`` or ``continue`` is an exit
that depends on Xen's state and not on anything the guest passed.

``inline``: on x86, for PV guests, Xen's unchecked ``__copy_*`` helpers with a
constant size of 1, 2, 4 or 8 bytes are compiled to single moves in the caller
(``__copy_to_guest_pv()`` in xen/arch/x86/include/asm/uaccess.h, Xen 4.17).  They
are guest accesses like any other, but a recorder that hooks the copy functions
cannot see them, so :func:`explain` expects no record for them.  For HVM guests
every access ends in ``copy_*_user_hvm()`` and is seen.

A multicall's entries are hypercalls themselves: their copies appear in order,
with the entry's role in front.  Where the entry's content is not known, its
number and arguments are free variables and the explanation says so.
"""

from __future__ import annotations

from dataclasses import replace

from xenexplore.hypercalls.language.values import Free, Value, Variable
from xenexplore.hypercalls.plan.events import (
    FAULT,
    ImpossibleError,
    PlanCall,
    PlanChoice,
    PlanCopy,
    PlanFault,
    PlanOutcome,
    Reply,
    Steps,
)
from xenexplore.hypercalls.plan.interpreter import PlanInterpreter

__all__ = [
    "FAULT",
    "ImpossibleError",
    "PlanCall",
    "PlanChoice",
    "PlanCopy",
    "PlanFault",
    "PlanOutcome",
    "Reply",
    "Steps",
    "predict",
]


def predict(call: PlanCall, *, unknown: bool = False) -> Steps:
    """Run the copy plan of a hypercall: see the module's docstring.

    Args:
        call: number, arguments and guest kind.
        unknown: take every argument as a free variable instead.

    Yields:
        What Xen does next (:class:`PlanCopy`), or a question (:class:`PlanChoice`).

    Returns:
        The :class:`PlanOutcome`.

    Raises:
        ImpossibleError: replies contradicted each other.
        InputError: the catalogue's file is malformed.
    """
    args: tuple[Value, ...] = call.args
    if unknown:
        args = tuple(Free(Variable(f"arg{index}")) for index in range(6))
    interpreter = PlanInterpreter(call.guest, call.rsp, call.facts, call.xen)
    outcome = yield from interpreter.hypercall(call.number, args, "")
    return replace(outcome, contents=tuple(interpreter.contents))

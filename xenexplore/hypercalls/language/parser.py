"""The language that copy plans are written in, and its parser.

One statement a line, blocks by indentation; what follows ``#`` says which
piece it is, in words, and is shown to readers.  The copies use Xen's names:

===================================  ==========================================
``from ADDR : TYPE as r``            copy_from_guest(): one ``TYPE``, called ``r``
``from ADDR @ i : TYPE``             its ``i``-th element
``from ADDR : TYPE[n]``              ``n`` of them in one copy
``to ADDR : TYPE.field``             copy_field_to_guest(): that field alone
``to ADDR : TYPE for vcpuid``         an area that is registered for that vCPU
``clear ADDR : bytes[n]``            clear_guest()
``__from``, ``__to``                 the unchecked helpers (see ``inline`` in plan.py)
``try from``, ``try to``             a fault does not end the call; sets ``failed``
``let n = EXPR``                     a name for a value
``set r.field = EXPR``               Xen changes its own copy; ``?`` is Xen's answer
``if``, ``elif``, ``else``           branches
``each i in A .. B:``                a loop; ``..  ?`` where Xen's state ends it
``where EXPR``                       what Xen's answer obeys
``usually "why":``                   Xen's state decides; ordinarily it happens
``sometimes "why":``                 Xen's state decides; ordinarily it does not
``fail -EPERM "why"``                Xen's state decides: it may return that error here
``fail -EPERM -ESRCH "why"``         one of these errors; the first is what the model returns
``fail -EINVAL if EXPR "why"``       the arguments decide: Xen returns the error
``end``, ``end if EXPR``             the call is over
``continue "why" with a = EXPR``     Xen may be preempted: the next leg's arguments
``scope:``, ``leave``                ``leave`` continues after the innermost scope
``break``                            leaves the innermost loop
``okay ADDR : TYPE[n]``              guest_handle_okay(); with ``try``, as for a copy
``dispatch EXPR``                    continue with that sub-op's plan; with no such sub-op
                                     the call returns -ENOSYS
``dispatch EXPR or -EOPNOTSUPP``     the same, where Xen returns another error
``use NAME``                         continue with a part of the family's ``[parts]``
``since 4.19:``, ``until 4.18:``     a block that only some releases of Xen have: from the
                                     named one on, or up to and with it
``hypercall N, A, B, ...``           another hypercall, inside this one
===================================  ==========================================

Names: the arguments, what ``as`` and ``let`` named, the constants of the family,
``hvm``, ``pv`` and ``arm`` (1 for that kind of guest), ``rsp`` (the guest's stack
pointer), ``inside`` (1 inside another hypercall), ``failed`` and ``preempted``
(how the last ``try`` and the last inner hypercall ended), errnos (``-EFAULT``), and
facts about the caller (:data:`~xenexplore.hypercalls.callers.FACTS`: ``pirqs``,
``hardware``, ``control``, ``vcpus``, ``current``), which depend on Xen's state where
none was given.

``let returns = EXPR`` is what the call returns wherever the plan ends from there on
(0 before); what follows ``#`` says what the number is.  Less than 0 is an errno.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

from xenexplore.errors import InputError
from xenexplore.hypercalls.language.expressions import Expression, compile_expression
from xenexplore.hypercalls.language.statements import (
    Block,
    Branch,
    CopyStatement,
    Dispatch,
    ExitStatement,
    HandleOkay,
    Inner,
    Let,
    Loop,
    Scoped,
    StateDependent,
    Statement,
    Use,
    Way,
    Where,
)
from xenexplore.hypercalls.releases import DEFAULT, Releases
from xenexplore.steps import ERRNOS, Direction

__all__ = ["parse_plan"]


_ACCESS = re.compile(
    r"^(?P<try>try )?(?P<raw>__)?(?P<dir>from|to|clear) (?P<at>.+?)(?: @ (?P<index>.+?))?"
    r" : (?P<type>[A-Za-z_][\w ]*?)(?:\.(?P<member>[\w.]+))?(?:\[(?P<count>.+)\])?"
    r"(?: as (?P<name>\w+))?(?: for (?P<subject>\w+))?$"
)
_OKAY = re.compile(
    r"^(?P<try>try )?okay (?P<at>.+?) : (?P<type>[A-Za-z_][\w ]*?)(?:\[(?P<count>.+)\])?$"
)
_SET = re.compile(r"^(?:let|set) (?P<name>\w+)(?:\.(?P<path>[\w.]+))? = (?P<value>.+)$")
_EACH = re.compile(r'^each (?P<name>\w+) in (?P<start>.+?) \.\. (?P<stop>.+?)(?: "(?P<why>.*)")?:$')
_FAIL = re.compile(r'^fail(?P<errnos>(?: -\w+)*)(?: if (?P<test>[^"]+?))?(?: "(?P<why>[^"]*)")?$')
_EXIT = re.compile(
    r'^(?P<how>end|leave|break|continue)(?: if (?P<test>[^"]+?))?(?: "(?P<why>[^"]*)")?'
    r"(?: with (?P<args>.+))?$"
)
_DISPATCH = re.compile(r"^dispatch (?P<value>.+?)(?: or (?P<errnos>-?\w+))?$")
_SPAN = re.compile(r"^(?P<key>since|until) (?P<release>[\w.]+):$")
_WHIM = re.compile(r'^(?P<how>usually|sometimes) "(?P<why>[^"]+)":$')


@dataclass(slots=True)
class _Line:
    """A line of plan text."""

    number: int
    indent: int
    text: str
    role: str
    block: list[_Line] = field(default_factory=list)


@lru_cache(maxsize=8192)
def parse_plan(text: str, source: str, xen: str = DEFAULT) -> Block:
    """Parse the text of a plan.

    Args:
        text: the plan.
        source: where it stands, for messages.
        xen: the release whose plan it shall be.

    Raises:
        InputError: a line is not a statement of the language.
    """
    return _PlanParser(source, xen).block(_nest(text, source))


def _nest(text: str, source: str) -> list[_Line]:
    """Lines with their blocks, by indentation."""
    root: list[_Line] = []
    levels: list[tuple[int, list[_Line]]] = [(-1, root)]
    for number, raw in enumerate(text.splitlines(), start=1):
        code, _, role = raw.partition("#")
        if not code.strip():
            continue
        line = _Line(number, len(code) - len(code.lstrip(" ")), code.strip(), role.strip())
        while levels and line.indent <= levels[-1][0]:
            levels.pop()
        if not levels:
            raise InputError(source, f"line {number}", expected="an indented line", got=repr(raw))
        parent = levels[-1][1]
        if parent and parent[0].indent != line.indent:
            raise InputError(
                source, f"line {number}", expected=f"indentation {parent[0].indent}",
                got=str(line.indent),
            )  # fmt: skip
        parent.append(line)
        levels.append((line.indent, line.block))
    return root


class _PlanParser:
    """Statements from nested lines."""

    def __init__(self, source: str, xen: str) -> None:
        self.source = source
        self.xen = xen

    def expression(self, text: str, line: _Line) -> Expression:
        return compile_expression(text, self.source, f"plan line {line.number}")

    def optional(self, text: str | None, line: _Line) -> Expression | None:
        return None if text is None else self.expression(text, line)

    def wrong(self, line: _Line, expected: str) -> InputError:
        return InputError(
            self.source, f"plan line {line.number}", expected=expected, got=repr(line.text)
        )

    def block(self, lines: list[_Line]) -> Block:
        done: list[Statement] = []
        index = 0
        while index < len(lines):
            line = lines[index]
            index += 1
            if line.text.startswith("if "):
                arms = [line]
                while index < len(lines) and lines[index].text.startswith(("elif ", "else:")):
                    arms.append(lines[index])
                    index += 1
                done.append(self.branch(arms))
            elif match := _SPAN.match(line.text):
                span = Releases.read({match["key"]: match["release"]}, self.source, line.text)
                body = self.block(line.block)
                done += body if span.holds(self.xen) else ()
            else:
                done.append(self.statement(line))
                if line.block and not line.text.endswith(":"):
                    raise self.wrong(line.block[0], "no deeper indentation")
        return tuple(done)

    def branch(self, lines: list[_Line]) -> Branch:
        arms: list[tuple[Expression, Block]] = []
        otherwise: Block = ()
        for line in lines:
            if not line.text.endswith(":"):
                raise self.wrong(line, "a test and a colon")
            if line.text == "else:":
                otherwise = self.block(line.block)
                continue
            test = line.text.removeprefix("el").removeprefix("if ").removesuffix(":")
            arms.append((self.expression(test, line), self.block(line.block)))
        return Branch(tuple(arms), otherwise)

    def statement(self, line: _Line) -> Statement:
        text = line.text
        if match := _ACCESS.match(text):
            return self.access(match, line)
        if match := _SET.match(text):
            value = None if match["value"] == "?" else self.expression(match["value"], line)
            return Let(match["name"], match["path"] or "", value, line.role)
        if match := _EACH.match(text):
            stop = None if match["stop"] == "?" else self.expression(match["stop"], line)
            start = self.expression(match["start"], line)
            return Loop(match["name"], start, stop, self.block(line.block), match["why"] or "")
        if match := _WHIM.match(text):
            return StateDependent(match["how"] == "usually", match["why"], self.block(line.block))
        if match := _FAIL.match(text):
            test = self.optional(match["test"], line)
            return ExitStatement(
                Way.FAIL, test, match["why"] or "", errnos=self.errnos(match, line)
            )
        if match := _EXIT.match(text):
            test = self.optional(match["test"], line)
            return ExitStatement(
                Way(match["how"]), test, match["why"] or "", self.exit_args(match, line)
            )
        if match := _OKAY.match(text):
            count = self.optional(match["count"], line)
            tolerated = match["try"] is not None
            return HandleOkay(tolerated, self.expression(match["at"], line), match["type"], count)
        if text == "scope:":
            return Scoped(self.block(line.block))
        if match := _DISPATCH.match(text):
            errno = self.errnos(match, line)[0] if match["errnos"] else "ENOSYS"
            return Dispatch(self.expression(match["value"], line), errno)
        word, _, rest = text.partition(" ")
        if word == "where":
            return Where(self.expression(rest, line))
        if word == "use" and rest.isidentifier():
            return Use(rest)
        if word == "hypercall":
            number, *args = (self.expression(part, line) for part in rest.split(","))
            return Inner(number, tuple(args))
        raise self.wrong(line, "a statement of the plan language")

    def access(self, match: re.Match[str], line: _Line) -> CopyStatement:
        return CopyStatement(
            direction=Direction(match["dir"]),
            unchecked=match["raw"] is not None,
            tolerated=match["try"] is not None,
            address=self.expression(match["at"], line),
            index=self.optional(match["index"], line),
            type="uint8_t" if match["type"] == "bytes" else match["type"],
            member=match["member"] or "",
            count=self.optional(match["count"], line),
            name=match["name"] or "",
            role=line.role,
            subject=self.optional(match["subject"], line),
        )

    def errnos(self, match: re.Match[str], line: _Line) -> tuple[str, ...]:
        """The errors that a statement names: at least one, each of them Xen's."""
        words = match["errnos"].split()
        names = tuple(word[1:] for word in words if word[0] == "-" and word[1:] in ERRNOS)
        if not words or len(names) < len(words):
            raise self.wrong(line, "an errno of Xen's after fail or or, e.g. fail -EINVAL")
        return names

    def exit_args(self, match: re.Match[str], line: _Line) -> tuple[tuple[str, Expression], ...]:
        if match["args"] is None:
            return ()
        pairs = (part.partition("=") for part in match["args"].split(","))
        return tuple((name.strip(), self.expression(text, line)) for name, _, text in pairs)

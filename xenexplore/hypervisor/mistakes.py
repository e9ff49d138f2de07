"""Mistakes in a design's class: one error with the line and the expectation.

A hook that raises, and a class that lacks what a design must have.  Errors of the guest's
making (:class:`~xenexplore.errors.MachineError`) stay what they are.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, GeneratorType, TracebackType

from xenexplore.errors import DesignError, MachineError
from xenexplore.hypervisor.design import Design, Parameter
from xenexplore.steps import Cite

__all__ = ["blamed", "mistake", "validate_design"]

_PACKAGE = f"{__name__.partition('.')[0]}."
_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]*")
_IDENT = re.compile(r"[A-Za-z0-9]{1,4}")
_KINDS = (str, int, bool, tuple)
_HINTS = (
    ("cite", "a step cites the rule behind it: cite=self.asked, or xe.cite_mail(...)"),
    ("no end", "locate() must terminate: yield pieces until access.size bytes are located"),
)


@contextmanager
def blamed(design: Design) -> Iterator[None]:
    """Turn what a hook of the design raises into an error that names its line.

    Raises:
        DesignError: an exception passed through a line of the design's own file.
    """
    try:
        yield
    except (DesignError, MachineError):
        raise
    except Exception as error:
        place = _raised_at(error.__traceback__, type(design))
        if place is None:
            raise  # not the design's: ours
        code, line = place
        said = f"{type(error).__name__}: {error}".removesuffix(": ")
        hint = next((hint for word, hint in _HINTS if word in str(error)), "")
        raise DesignError(
            _source(code.co_filename), line, _hook(type(design), code.co_name),
            expected="a hook that raises no exception", got=said, hint=hint,
        ) from error  # fmt: skip


def mistake(
    design: Design, hook: str, running: object = None, *, expected: str, got: str, hint: str = ""
) -> DesignError:
    """An error about a hook's result.

    Args:
        design: whose.
        hook: the hook's name.
        running: its generator, if it is one: then the line is the one that it stands at.
        expected: what it should have given.
        got: what it gave.
        hint: what to do.
    """
    place = _stands_at(running, type(design))
    if place is None:
        code = _code(getattr(type(design), hook))
        place = (code, code.co_firstlineno)
    code, line = place
    return DesignError(
        _source(code.co_filename), line, _hook(type(design), hook),
        expected=expected, got=got, hint=hint,
    )  # fmt: skip


def validate_design(kind: type[Design]) -> None:
    """Reject a class that lacks a required part of a design, or has it in another form.

    Raises:
        DesignError: what is wrong, at the line of the class or of its hook.
    """
    if not _NAME.fullmatch(str(kind.name)):
        raise _of_class(
            kind, "name", "a name of lowercase letters, digits and dashes, e.g. name = 'last-walk'",
            repr(kind.name),
        )  # fmt: skip
    if not _IDENT.fullmatch(str(kind.ident)):
        raise _of_class(kind, "ident", "1 to 4 letters and digits, e.g. ident = 'X1'",
                        repr(kind.ident))  # fmt: skip
    if not isinstance(kind.asked, Cite) or not kind.asked.where:
        raise _of_class(kind, "asked", "a source: xe.cite_mail(who, date, id) or xe.Cite('ours')",
                        repr(kind.asked))  # fmt: skip
    _validate_parameters(kind)
    if kind.specified and kind.locate is Design.locate:
        raise _of_class(kind, "locate", "a hook def locate(self, xen, access)", "none",
                        "it yields one xe.Located(gpa, size, checked=...) per piece")  # fmt: skip
    for name, hook in vars(Design).items():
        own = inspect.getattr_static(kind, name, hook)
        if callable(hook) and not name.startswith("_") and own is not hook:
            _validate_hook(kind, name, hook, own)


def _validate_parameters(kind: type[Design]) -> None:
    names: set[str] = set()
    for one in kind.parameters:
        if not isinstance(one, Parameter) or type(one.default) not in _KINDS:
            raise _of_class(
                kind, "parameters", "xe.Parameter(name=..., default=a word, number, flag or tuple)",
                repr(one),
            )  # fmt: skip
        if one.choices and one.default not in one.choices:
            raise _of_class(kind, "parameters", f"a default of {one.name} among its choices",
                            repr(one.default))  # fmt: skip
        if one.name in names:
            raise _of_class(kind, "parameters", "each name once", f"{one.name!r} twice")
        names.add(one.name)


def _validate_hook(kind: type[Design], name: str, hook: Callable[..., object], own: object) -> None:
    """A hook takes what it is called with."""
    wanted = inspect.signature(hook).parameters.values()
    if not inspect.isfunction(own):
        raise _of_class(kind, name, f"a function def {name}(self, ...)", repr(own))
    given = [one for one in wanted if one.kind is not one.KEYWORD_ONLY]
    named = {one.name: None for one in wanted if one.kind is one.KEYWORD_ONLY}
    try:
        inspect.signature(own).bind(*given, **named)
    except TypeError:
        code = own.__code__
        raise DesignError(
            _source(code.co_filename), code.co_firstlineno, f"{kind.__name__}.{name}",
            expected=f"{name}({', '.join(str(one.name) for one in wanted)})",
            got=f"{name}({', '.join(inspect.signature(own).parameters)})",
        ) from None  # fmt: skip


def _of_class(
    kind: type[Design], what: str, expected: str, got: str, hint: str = ""
) -> DesignError:
    source, line = _class_place(kind)
    return DesignError(
        source, line, f"{kind.__name__}.{what}", expected=expected, got=got, hint=hint
    )


def _class_place(kind: type[Design]) -> tuple[str, int]:
    """Place of a class, as far as Python knows."""
    try:
        _, line = inspect.getsourcelines(kind)
        return _source(inspect.getsourcefile(kind) or kind.__module__), line
    except (OSError, TypeError):
        pass
    for found in vars(kind).values():
        if inspect.isfunction(found):
            return _source(found.__code__.co_filename), found.__code__.co_firstlineno
    return kind.__module__, 0


def _source(filename: str) -> str:
    """A file as people know it: a notebook's cells have names that mean nothing."""
    path = Path(filename)
    if path.parent.name.startswith("ipykernel_") or filename.startswith("<ipython-input"):
        return "a notebook's cell"
    return str(path)


def _code(hook: Callable[..., object]) -> CodeType:
    code: CodeType = inspect.unwrap(hook).__code__
    return code


def _files(kind: type[Design]) -> frozenset[str]:
    """The files that a design's own code is in; those of the package only if it has no other."""
    own: dict[bool, set[str]] = {True: set(), False: set()}
    for base in kind.__mro__:
        if base in (Design, object):
            continue
        ours = base.__module__.startswith(_PACKAGE)
        own[ours] |= {
            found.__code__.co_filename for found in vars(base).values() if inspect.isfunction(found)
        }
    return frozenset(own[False])


def _raised_at(traceback: TracebackType | None, kind: type[Design]) -> tuple[CodeType, int] | None:
    """The innermost line of the design's own that an exception passed through."""
    files, found = _files(kind), None
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if code.co_filename in files and code.co_name != "<module>":
            found = (code, traceback.tb_lineno)
        traceback = traceback.tb_next
    return found


def _stands_at(running: object, kind: type[Design]) -> tuple[CodeType, int] | None:
    """The innermost line of the design's own at which a generator stands."""
    files, found = _files(kind), None
    while isinstance(running, GeneratorType):
        frame = running.gi_frame
        if frame is not None and frame.f_code.co_filename in files:
            found = (frame.f_code, frame.f_lineno)
        running = running.gi_yieldfrom
    return found


def _hook(kind: type[Design], name: str) -> str:
    """Class and hook; a helper function stands for itself."""
    return f"{kind.__name__}.{name}" if hasattr(kind, name) else name

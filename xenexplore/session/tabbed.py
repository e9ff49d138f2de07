"""Attributes that tab completion looks through."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

__all__ = ["tabbed"]

_Owner = TypeVar("_Owner")
_Value = TypeVar("_Value")


class tabbed(Generic[_Owner, _Value]):  # noqa: N801 - used as property is
    """A read-only property at whose value IPython's completer looks.

    By default the completer evaluates no ``property``, and nothing of a class with a
    ``__getattr__`` (SelectivePolicy.can_get_attr(), IPython/core/guarded_eval.py): a tab after
    ``guest.buffer.`` would list nothing.  For what is cheap to make and changes nothing.
    """

    def __init__(self, get: Callable[[_Owner], _Value]) -> None:
        self._get = get
        self._name = get.__name__
        self.__doc__ = get.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, one: None, owner: Any = None) -> tabbed[_Owner, _Value]: ...
    @overload
    def __get__(self, one: _Owner, owner: Any = None) -> _Value: ...
    def __get__(self, one: _Owner | None, owner: Any = None) -> Any:
        return self if one is None else self._get(one)

    def __set__(self, one: _Owner, value: object) -> None:
        raise AttributeError(f"{self._name} of {type(one).__name__} cannot be set")

"""The catalogue's tables as one release of Xen has them.

Each fact stands once.  One that does not hold for every release says for which:

* a sub-op, or a hypercall in ``index.toml``, has ``since`` and ``until`` (the last release
  that has it);
* any other value is ``{ is = VALUE, since = "4.19" }``, or a list of such, of which the
  one that holds counts; without one, the key is not there;
* in ``sources`` each element may be ``{ is = "file: symbol", until = "4.18" }``;
* in a plan, what stands below ``since 4.19:`` or ``until 4.18:``
  (:mod:`xenexplore.hypercalls.language.parser`).
"""

from __future__ import annotations

from typing import Any

from xenexplore.hypercalls.releases import Releases

__all__ = ["at_release"]

_LISTS = ("sources",)
_ABSENT = object()


def at_release(table: dict[str, Any], xen: str, source: str) -> dict[str, Any]:
    """A table with the facts of one release; others are left out.

    Raises:
        InputError: a span names a release that the catalogue does not describe.
    """
    found: dict[str, Any] = {}
    for key, value in table.items():
        kept = _value(value, xen, source, key)
        if kept is not _ABSENT:
            found[key] = kept
    return found


def _value(value: Any, xen: str, source: str, key: str) -> Any:
    if isinstance(value, dict):
        if "is" in value:
            return value["is"] if Releases.read(value, source, key).holds(xen) else _ABSENT
        return at_release(value, xen, source)
    if not isinstance(value, list):
        return value
    if key in _LISTS:
        kept = (_value(one, xen, source, key) for one in value)
        return [one for one in kept if one is not _ABSENT]
    if value and all(isinstance(one, dict) and "is" in one for one in value):
        holding = (_value(one, xen, source, key) for one in value)
        return next((one for one in holding if one is not _ABSENT), _ABSENT)
    return [
        at_release(one, xen, source) if isinstance(one, dict) else one
        for one in value
        if not isinstance(one, dict) or Releases.read(one, source, key).holds(xen)
    ]

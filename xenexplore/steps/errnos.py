"""Xen's error numbers: what a hypercall returns, negated, where it fails.

Source: xen/include/public/errno.h.  ``EINTR`` and ``ERESTART`` are Xen's own, and never
reach a guest.  The values are x86 Linux's; not all of Linux's names are Xen's.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["ERRNOS", "errno_name"]

ERRNOS: Mapping[str, int] = MappingProxyType({
    "EPERM": 1, "ENOENT": 2, "ESRCH": 3, "EINTR": 4, "EIO": 5, "ENXIO": 6, "E2BIG": 7,
    "ENOEXEC": 8, "EBADF": 9, "ECHILD": 10, "EAGAIN": 11, "EWOULDBLOCK": 11, "ENOMEM": 12,
    "EACCES": 13, "EFAULT": 14, "EBUSY": 16, "EEXIST": 17, "EXDEV": 18, "ENODEV": 19,
    "ENOTDIR": 20, "EISDIR": 21, "EINVAL": 22, "ENFILE": 23, "EMFILE": 24, "ENOSPC": 28,
    "EROFS": 30, "EMLINK": 31, "EDOM": 33, "ERANGE": 34, "EDEADLK": 35, "EDEADLOCK": 35,
    "ENAMETOOLONG": 36, "ENOLCK": 37, "ENOSYS": 38, "ENOTEMPTY": 39, "ENODATA": 61,
    "ETIME": 62, "EBADMSG": 74, "EOVERFLOW": 75, "EILSEQ": 84, "ERESTART": 85,
    "ENOTSOCK": 88, "EMSGSIZE": 90, "EOPNOTSUPP": 95, "EADDRINUSE": 98,
    "EADDRNOTAVAIL": 99, "ENOBUFS": 105, "EISCONN": 106, "ENOTCONN": 107,
    "ETIMEDOUT": 110, "ECONNREFUSED": 111,
})  # fmt: skip
"""Name to number; two aliases (``EWOULDBLOCK``, ``EDEADLOCK``) behind what they mean."""

_NAMES = {ERRNOS[name]: name for name in reversed(list(ERRNOS))}


def errno_name(value: int) -> str:
    """``"EFAULT"`` for -14; ``""`` for what is not an errno of Xen's."""
    return _NAMES.get(-value, "") if value < 0 else ""

"""Contents of Xen's answers, as far as they are modelled."""

from __future__ import annotations

import hashlib

__all__ = ["answer_bytes"]


def answer_bytes(role: str, size: int) -> bytes:
    """Xen's answer to a caller, as far as the model goes: bytes that name their piece.

    The handlers' logic is not modelled; where their bytes land is.  The
    pattern is a digest of the role, so that two pieces never look alike.
    """
    return hashlib.shake_128(role.encode()).digest(size)

"""Memory encryption: the contents of a private page in DRAM, and who may write it.

RAM holds what DRAM would hold: ciphertext for a private page.  The guest's
accesses go through the cipher, the hypervisor's do not; so a hypervisor that
walks encrypted page tables fails because of the bytes it read, and what it
writes into a private page is garbage to the guest, 16 bytes at a time.

The cipher is a stand-in with the properties that matter here, not AES: a keyed
permutation of 16-byte blocks, tweaked by the block's machine address, so that
equal plaintext in two frames gives different ciphertext and moving ciphertext
to another frame does not decrypt.

Source: AMD64 Architecture Programmer's Manual vol. 2, 15.34 (SEV), 15.36
(SEV-SNP: Reverse Map Table, RMP checks).
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Callable

from xenexplore.addr import PAGE_SHIFT, PAGE_SIZE

__all__ = ["BLOCK", "Cipher", "Technology"]

BLOCK = 16
"""Bytes that are encrypted together (AES's block)."""

_HALF = BLOCK // 2
_ROUNDS = 4  # four rounds of a keyed hash make a strong pseudo-random permutation


class Technology(enum.Enum):
    """Technology that protects a guest's memory from the hypervisor.

    ``SEV``: private pages are encrypted; the hypervisor reads ciphertext and
    its writes damage them.  ``SEV_SNP``: the same on reads; a write to a
    private page is stopped by the RMP check.
    """

    NONE = "none"
    SEV = "SEV"
    SEV_SNP = "SEV-SNP"


class Cipher:
    """One guest's key.

    Args:
        key: any bytes, at most 64; the same key gives the same ciphertext.
    """

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = bytes(key)

    def encrypt(self, address: int, plaintext: bytes) -> bytes:
        """Ciphertext of whole blocks at a machine address (both multiples of 16)."""
        return self._over(address, plaintext, self._encrypt_block)

    def decrypt(self, address: int, ciphertext: bytes) -> bytes:
        """Plaintext of whole blocks at a machine address (both multiples of 16)."""
        return self._over(address, ciphertext, self._decrypt_block)

    def encrypted_zeroes(self, frame: int) -> bytes:
        """Contents of DRAM for a private frame that the guest has cleared."""
        return self.encrypt(frame << PAGE_SHIFT, bytes(PAGE_SIZE))

    @staticmethod
    def _over(address: int, data: bytes, step: Callable[[int, int, int], tuple[int, int]]) -> bytes:
        assert address % BLOCK == 0, "whole blocks only"
        assert len(data) % BLOCK == 0, "whole blocks only"
        out = bytearray()
        for start in range(0, len(data), BLOCK):
            left = int.from_bytes(data[start : start + _HALF], "little")
            right = int.from_bytes(data[start + _HALF : start + BLOCK], "little")
            left, right = step(address + start, left, right)
            out += left.to_bytes(_HALF, "little") + right.to_bytes(_HALF, "little")
        return bytes(out)

    def _round(self, address: int, number: int, half: int) -> int:
        tweak = address.to_bytes(8, "little") + number.to_bytes(1, "little")
        digest = hashlib.blake2b(
            tweak + half.to_bytes(_HALF, "little"), key=self._key, digest_size=_HALF
        )
        return int.from_bytes(digest.digest(), "little")

    def _encrypt_block(self, address: int, left: int, right: int) -> tuple[int, int]:
        for number in range(_ROUNDS):
            left, right = right, left ^ self._round(address, number, right)
        return left, right

    def _decrypt_block(self, address: int, left: int, right: int) -> tuple[int, int]:
        for number in reversed(range(_ROUNDS)):
            left, right = right ^ self._round(address, number, left), left
        return left, right

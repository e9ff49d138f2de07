from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xenexplore.memory import Cipher

blocks = st.integers(1, 8).flatmap(lambda n: st.binary(min_size=16 * n, max_size=16 * n))
addresses = st.integers(0, 1 << 40).map(lambda n: n * 16)


@given(st.binary(max_size=64), addresses, blocks)
def test_decrypting_gives_the_plaintext_back(key, address, data):
    cipher = Cipher(key)
    hidden = cipher.encrypt(address, data)
    assert cipher.decrypt(address, hidden) == data
    assert len(hidden) == len(data)
    for start in range(0, len(data), 16):
        assert hidden[start : start + 16] != data[start : start + 16]


@given(addresses, addresses, blocks)
def test_ciphertext_belongs_to_its_key_and_its_place(one, other, data):
    cipher = Cipher(b"key")
    hidden = cipher.encrypt(one, data)
    assert hidden == Cipher(b"key").encrypt(one, data)
    assert hidden != Cipher(b"kez").encrypt(one, data)
    assert Cipher(b"kez").decrypt(one, hidden) != data
    if one != other:
        assert hidden != cipher.encrypt(other, data)
        assert cipher.decrypt(other, hidden) != data


@given(addresses, blocks, st.data())
def test_damage_stays_in_its_block(address, data, draw):
    at = draw.draw(st.integers(0, len(data) - 1))
    cipher = Cipher(b"key")
    hidden = bytearray(cipher.encrypt(address, data))
    hidden[at] ^= 1
    plain = cipher.decrypt(address, bytes(hidden))
    block = at // 16 * 16
    assert plain[:block] == data[:block]
    assert plain[block + 16 :] == data[block + 16 :]
    assert plain[block : block + 16] != data[block : block + 16]


def test_cleared_frames_do_not_look_alike():
    cipher = Cipher(b"key")
    assert cipher.encrypted_zeroes(1) != cipher.encrypted_zeroes(2)
    assert cipher.decrypt(0x1000, cipher.encrypted_zeroes(1)) == bytes(4096)


def test_parts_of_blocks_are_refused():
    with pytest.raises(AssertionError):
        Cipher(b"").encrypt(8, bytes(16))
    with pytest.raises(AssertionError):
        Cipher(b"").decrypt(16, bytes(15))

from __future__ import annotations

import pytest

from xenexplore.errors import MachineError
from xenexplore.paging import FETCH, IMPLICIT_WRITE, USER_READ, WRITE, Access, WalkEnd


@pytest.mark.parametrize(
    "asked",
    [
        {"write": True, "fetch": True},
        {"implicit": True, "user": True},
        {"implicit": True, "fetch": True},
    ],
)
def test_accesses_that_do_not_exist_are_refused(asked):
    with pytest.raises(MachineError):
        Access(**asked)


def test_an_access_says_what_it_is():
    assert str(WRITE) == "supervisor write"
    assert str(USER_READ) == "user read"
    assert str(FETCH) == "supervisor fetch"
    assert str(IMPLICIT_WRITE) == "implicit supervisor write"
    assert (WRITE.write, WRITE.fetch, WRITE.user, WRITE.implicit) == (True, False, False, False)
    assert Access(write=True) == WRITE


def test_only_one_end_is_a_translation():
    assert [end for end in WalkEnd if end.ok] == [WalkEnd.OK]

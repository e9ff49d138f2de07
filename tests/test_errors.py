"""Errors pass from one process to another as they are."""

from __future__ import annotations

import pickle

import pytest

from xenexplore.addr import Gva
from xenexplore.errors import (
    AddressError,
    CatalogueError,
    ReleaseError,
    ScenarioError,
    XenexploreError,
)
from xenexplore.hypercalls import family
from xenexplore.scenario.library.builtin import load_builtin
from xenexplore.scenario.run.runner import run


@pytest.mark.parametrize(
    ("kind", "fail"),
    [
        (AddressError, lambda: Gva(1 << 64)),
        (CatalogueError, lambda: family("no_such_op")),
        (ReleaseError, lambda: family("memory_op", xen="3.0")),
        (ScenarioError, lambda: run(load_builtin("straddle"), "no-such-option")),
    ],
)
def test_an_error_comes_back_with_its_words_and_fields(kind, fail) -> None:
    with pytest.raises(kind) as caught:
        fail()
    error = caught.value
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert isinstance(again, XenexploreError)
    assert (str(again), vars(again)) == (str(error), vars(error))

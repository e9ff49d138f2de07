"""What a return says: success, an errno, or a number that the handler counts in."""

from __future__ import annotations

import pytest

from xenexplore.render.views.step_labels import step_label
from xenexplore.steps import Cite, returned


@pytest.mark.parametrize(
    ("value", "what", "name", "says", "main"),
    [
        (0, "", "", "success", "0, success"),
        (0, "extents done", "", "0 (extents done)", "0, extents done"),
        (2, "extents done", "", "2 (extents done)", "2, extents done"),
        (2, "", "", "2", "2"),
        (-14, "extents done", "EFAULT", "-14 (-EFAULT)", "-14 (-EFAULT)"),
        (-95, "", "EOPNOTSUPP", "-95 (-EOPNOTSUPP)", "-95 (-EOPNOTSUPP)"),
    ],
)
def test_what_a_return_says(value: int, what: str, name: str, says: str, main: str) -> None:
    step = returned(Cite("x"), 1, value, what)
    assert (step.value, step.name) == (value, name)
    assert step.say() == f"Xen returns {says} to vCPU 1."
    words = step_label(step)
    assert words.main == main
    assert (words.tone == "bad") is (value < 0)

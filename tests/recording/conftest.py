from __future__ import annotations

import pytest

from xenexplore.guest.layout.symbols import read_kallsyms
from xenexplore.recording.format.reader import read_recording
from xenexplore.recording.format.stream import built_in_path


@pytest.fixture(scope="session")
def pvh():
    return read_recording("pvh")


@pytest.fixture(scope="session")
def pv():
    return read_recording("pv")


@pytest.fixture(scope="session")
def pvh_callers():
    return read_recording("pvh-callers")


@pytest.fixture(scope="session")
def kallsyms():
    return read_kallsyms(built_in_path("kallsyms.dom0"))

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
def pvh_boot():
    return read_recording("pvh-boot")


@pytest.fixture(scope="session")
def pvh_backends():
    return read_recording("pvh-backends")


@pytest.fixture(scope="session")
def pvh_net():
    return read_recording("pvh-net")


@pytest.fixture(scope="session")
def pvh_smp():
    return read_recording("pvh-smp")


@pytest.fixture(scope="session")
def pvh_xen420():
    return read_recording("pvh-xen420")


@pytest.fixture(scope="session")
def pvh_no_vmap():
    return read_recording("pvh-no-vmap")


@pytest.fixture(scope="session")
def pvh_vmap():
    return read_recording("pvh-vmap")


@pytest.fixture(scope="session")
def hvm():
    return read_recording("hvm")


@pytest.fixture(scope="session")
def runstate_loop():
    return read_recording("runstate-loop")


@pytest.fixture(scope="session")
def kallsyms():
    return read_kallsyms(built_in_path("kallsyms.dom0"))

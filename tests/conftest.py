from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.scheduler import Scheduling

# The suite gives the same verdict every time: no random seed, no clock.
settings.register_profile(
    "ci",
    derandomize=True,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
# To look for new failures: pytest --hypothesis-profile=explore.
settings.register_profile("explore", derandomize=False, deadline=None, max_examples=5000)
settings.load_profile("ci")

# The quick loop, pytest -m fast: folders and files that take a few seconds of CPU time each.
FAST = (
    "guest/layout",
    "hypercalls/language",
    "memory/test_encryption.py",
    "memory/test_p2m.py",
    "memory/test_p2m_types.py",
    "memory/test_ram.py",
    "memory/test_words.py",
    "options/test_own_design.py",
    "paging/test_entries.py",
    "repo/test_circles.py",
    "repo/test_words.py",
    "scenario/model",
    "scenario/text/test_key_lines.py",
    "scenario/text/test_loader.py",
    "steps",
    "tlb/test_entry.py",
    "tlb/test_rules.py",
    "tlb/test_search.py",
    "tlb/test_table.py",
    "tlb/test_tables.py",
)


_FAST = [Path(__file__).parent / name for name in FAST]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With ``-m fast`` import nothing else: collecting all takes longer than the loop."""
    if config.option.markexpr != "fast" or collection_path == Path(__file__).parent:
        return None
    near = (*collection_path.parents, collection_path)
    return not any(path in near or collection_path in path.parents for path in _FAST) or None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling | None:
    """With ``-n 2`` each worker takes half of the list in order, and steals at the end.

    By default tests are dealt out in turns: then both workers read each recording, start
    each browser and build each module's fixtures.
    """
    from xdist.scheduler import WorkStealingScheduling

    return WorkStealingScheduling(config, log) if config.option.dist == "load" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of the quick loop."""
    assert all(path.exists() for path in _FAST), "FAST in tests/conftest.py names what is gone"
    for item in items:
        if any(item.path == path or path in item.path.parents for path in _FAST):
            item.add_marker(pytest.mark.fast)


#: What the tests' site holds: few scenarios, one with parameters and commas in its labels.
SITE_SCENARIOS = ("evtchn-send-from-stack", "straddle", "wrong-vcpu")
SITE_NOTEBOOKS = ("00_start_here", "12_at_the_prompt")


@pytest.fixture(scope="session")
def site_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of three built-ins and one of the reader's own; made once, also for two workers."""
    base = tmp_path_factory.getbasetemp()
    place = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "site"
    try:
        place.mkdir()
    except FileExistsError:
        for _ in range(6000):
            if (place / "made").exists() or (place / "failed").exists():
                break
            time.sleep(0.1)
        assert (place / "made").exists(), "another worker could not make the site"
        return place / "made"
    try:
        _make_site(place)
    except BaseException:
        (place / "failed").touch()
        raise
    return place / "made"


def _make_site(place: Path) -> None:
    from xenexplore.scenario.library.builtin import builtin_text
    from xenexplore.site.build import build_site
    from xenexplore.site.notebook_pages import notebooks

    own = place / "own.toml"
    own.write_text(
        builtin_text("straddle").replace('name = "straddle"', 'name = "my.own"'), "utf-8"
    )
    books = [path for path in notebooks() if path.stem in SITE_NOTEBOOKS]
    build_site(
        place / "made", builtins=SITE_SCENARIOS, scenarios=[str(own)], recordings=(), books=books
    )

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of the quick loop."""
    here = Path(__file__).parent
    fast = [here / name for name in FAST]
    assert all(path.exists() for path in fast), "FAST in tests/conftest.py names what is gone"
    for item in items:
        if any(item.path == path or path in item.path.parents for path in fast):
            item.add_marker(pytest.mark.fast)


#: What the tests' site holds: few scenarios, one with parameters and commas in its labels.
SITE_SCENARIOS = ("evtchn-send-from-stack", "straddle", "wrong-vcpu")
SITE_NOTEBOOKS = ("00_start_here", "12_at_the_prompt")


@pytest.fixture(scope="session")
def site_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of three built-ins and one of the reader's own; made once."""
    from xenexplore.scenario.library.builtin import builtin_text
    from xenexplore.site.build import build_site
    from xenexplore.site.notebook_pages import notebooks

    place = tmp_path_factory.mktemp("site")
    own = place / "own.toml"
    own.write_text(
        builtin_text("straddle").replace('name = "straddle"', 'name = "my.own"'), "utf-8"
    )
    books = [path for path in notebooks() if path.stem in SITE_NOTEBOOKS]
    build_site(
        place / "made", builtins=SITE_SCENARIOS, scenarios=[str(own)], recordings=(), books=books
    )
    return place / "made"

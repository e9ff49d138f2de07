from __future__ import annotations

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

"""Parts of a site that are made by processes of their own, on every processor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, as_completed
from dataclasses import dataclass
from typing import Any

from xenexplore.api.worker_pool import pool_of

__all__ = ["Job", "Key", "Progress", "done_jobs"]

Key = tuple[str, str]
"""A kind of part, and its name."""

Progress = Callable[[int, int, str], None]
"""Called with (done, total, item just done)."""


@dataclass(frozen=True, slots=True)
class Job:
    """A call that another process makes.

    Attributes:
        says: what it does, in a few words.
        function: a module's own; ``args``: what it is called with.
    """

    says: str
    function: Callable[..., Any]
    args: tuple[Any, ...]


def done_jobs(jobs: Mapping[Key, Job], progress: Progress | None) -> dict[Key, Any]:
    """Results of the calls.  They begin in order: the long ones should be first.

    Raises:
        Exception: what the first call that failed raised; calls that wait are not made.
    """
    found: dict[Key, Any] = {}
    with pool_of(None) as pool:
        waiting: dict[Future[Any], Key] = {
            pool.submit(job.function, *job.args): key for key, job in jobs.items()
        }
        for done, future in enumerate(as_completed(waiting), 1):
            found[waiting[future]] = future.result()
            if progress:
                progress(done, len(waiting), jobs[waiting[future]].says)
    return found

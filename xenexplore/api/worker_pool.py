"""Processes to measure in, which Ctrl-C ends silently."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.context import SpawnContext, SpawnProcess

__all__ = ["pool_of"]


class _Worker(SpawnProcess):
    """A process that never sees SIGINT: a terminal sends it to the whole group.

    It is blocked before the process begins, since one that is interrupted while it
    imports modules prints a traceback.
    """

    def start(self) -> None:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            super().start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Workers(SpawnContext):
    """Starts workers, and knows them."""

    def __init__(self) -> None:
        super().__init__()
        self.started: list[_Worker] = []

    def Process(self, *args: object, **keywords: object) -> _Worker:  # type: ignore[override]  # noqa: N802
        worker = _Worker(*args, **keywords)  # type: ignore[arg-type]
        self.started.append(worker)
        return worker


@contextmanager
def pool_of(workers: int | None) -> Iterator[Executor]:
    """Processes to measure in; one worker needs none of its own.

    Leaving by an exception ends the workers at once; what they had not finished is lost.

    Args:
        workers: how many; None: one for each CPU.
    """
    if workers == 1:
        with ThreadPoolExecutor(1) as pool:
            yield pool
        return
    context = _Workers()
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        try:
            yield pool
        except BaseException:
            for worker in context.started:
                worker.terminate()
            raise

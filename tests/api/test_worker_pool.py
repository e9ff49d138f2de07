"""Workers of a sweep: deaf to Ctrl-C, and gone when the sweep is."""

from __future__ import annotations

import os
import signal
import time

import pytest

from xenexplore.api.worker_pool import pool_of


def test_workers_never_see_sigint_and_the_caller_does() -> None:
    with pool_of(2) as pool:
        blocked = pool.submit(signal.pthread_sigmask, signal.SIG_BLOCK, ()).result()
    assert signal.SIGINT in blocked
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def interrupted(pids: list[int]) -> None:
    with pool_of(2) as pool:
        pids.append(pool.submit(os.getpid).result())
        pool.submit(time.sleep, 600)
        raise KeyboardInterrupt


def test_an_interrupt_ends_workers_that_are_busy() -> None:
    workers: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        interrupted(workers)
    with pytest.raises(ProcessLookupError):
        os.kill(workers[0], 0)


def test_one_worker_needs_no_process() -> None:
    with pool_of(1) as pool:
        assert pool.submit(os.getpid).result() == os.getpid()

"""Shards of work over processes, where a picture that kills its process costs itself and nothing else."""

from __future__ import annotations

import ctypes
import multiprocessing as mp
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import forkserver
from multiprocessing.connection import wait as wait_for
from multiprocessing.context import ForkServerContext
from typing import Any, TypeVar

from pipeline.curate.look import HANDFUL

J = TypeVar("J")
R = TypeVar("R")

# How shards are run: as `run` below, its processes fixed.
Runner = Callable[[Callable[[Sequence[Any]], Any], Sequence[Any]], Iterator[tuple[Sequence[Any], Any]]]

SHARD = 128  # pictures, at most
_SHARES = 3  # of what is left each process would have so many


def prepare() -> None:
    """Start what the processes are forked from, which imports what they need while the caller goes on."""
    _context()
    forkserver.ensure_running()


def run(
    work: Callable[[Sequence[J]], R], jobs: Sequence[J], processes: int
) -> Iterator[tuple[Sequence[J], R | None]]:
    """Each shard of `jobs` with what `work` made of it, as they end; None for a job whose process died of it.

    A process that is killed takes the shards in hand with it: their jobs are then tried one by one, and
    only the one that kills again, alone, is given up.
    """
    waiting = deque(shards(jobs, processes))
    while waiting:
        in_hand = yield from _pooled(work, waiting, processes, processes * 2)
        yield from one_by_one(work, [job for shard in in_hand for job in shard])


def shards(jobs: Sequence[J], processes: int) -> list[Sequence[J]]:
    """Ever smaller, so that all processes end at about the same time."""
    found, start = [], 0
    while start < len(jobs):
        handfuls = (len(jobs) - start) // (processes * _SHARES * HANDFUL)  # whole ones, for less is slower
        end = start + min(max(HANDFUL, handfuls * HANDFUL), SHARD)
        found.append(jobs[start:end])
        start = end
    return found


def one_by_one(work: Callable[[Sequence[J]], R], jobs: Sequence[J]) -> Iterator[tuple[Sequence[J], R | None]]:
    """Each job as a shard of its own, in a process that it alone can kill."""
    waiting = deque[Sequence[J]]([job] for job in jobs)
    while waiting:
        in_hand = yield from _pooled(work, waiting, 1, 1)
        yield from ((culprit, None) for culprit in in_hand)


def _pooled(
    work: Callable[[Sequence[J]], R], waiting: deque[Sequence[J]], processes: int, at_once: int
) -> Generator[tuple[Sequence[J], R | None], None, list[Sequence[J]]]:
    """Takes from the shards that are `waiting`; ends with those that were in hand when a process died."""
    running: dict[Future[R], Sequence[J]] = {}
    pool = ProcessPoolExecutor(processes, _context(), _settle)
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                running[pool.submit(work, waiting[0])] = waiting[0]
                waiting.popleft()
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                made = future.result()
                yield running.pop(future), made
    except BrokenProcessPool:
        return [*running.values()]
    finally:
        pool.shutdown(wait=bool(running), cancel_futures=True)  # with nothing in hand they end by themselves
    return []


def _context() -> ForkServerContext:
    """Processes forked from a small one that has imported what they need: safe beside threads, and quick."""
    context = mp.get_context("forkserver")
    # Pillow imports these for the first picture that it opens, in each process.
    usual = [f"PIL.{kind}ImagePlugin" for kind in ("Bmp", "Gif", "Jpeg", "Png", "Ppm", "Tiff", "WebP")]
    context.set_forkserver_preload(
        ["__main__", "cv2", *usual, "pipeline.curate.look", "pipeline.curate.yunet"]
    )
    return context


def _settle() -> None:
    """In each process: leave Ctrl-C to the parent, and do not outlive it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _keep_freed_memory()
    parent = mp.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=[parent.sentinel], daemon=True).start()


def _keep_freed_memory() -> None:
    """Let glibc keep what a picture leaves for the next, else a twentieth of the time goes into new pages."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        trim_threshold, mmap_threshold = -1, -3  # numbers of malloc.h
        mallopt(trim_threshold, 64 << 20)
        mallopt(mmap_threshold, 32 << 20)  # the most that it takes: what is larger is given back


def _end_with(sentinel: int) -> None:
    wait_for([sentinel])
    os._exit(1)

"""How many threads a step takes on a processor that other programs use, too.

The threads of a step wait for each other many hundred times. Where another program holds one of their cores,
each of these waits lasts until that program's turn is over: on two cores, one of them in use elsewhere, two
threads were three to ten times slower than one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import torch

_EVERY_S = 2.0
_STAT = Path("/proc/stat")
_USED = (0, 1, 2, 5, 6, 7)  # of its columns: user, nice, system, irq, softirq, and what the host takes


class Reading(NamedTuple):
    """Seconds since some time."""

    wall: float
    used: float  # of all cores that this process may use, by whomever
    own: float  # by this process


@contextmanager
def shared_with_others(*, heeded: bool) -> Iterator[Callable[[], None]]:
    """Within, what is yielded is called between steps: where the load is to be `heeded`, it sees to it every
    two seconds that there are no more threads than free cores. Sums come out in another order then, so that
    a run which has to be repeatable to the last bit heeds nothing.
    """
    most = torch.get_num_threads()
    if not heeded or most == 1 or not _STAT.exists():
        yield lambda: None
        return
    cores = sorted(os.sched_getaffinity(0))
    last = read(cores)

    def settle() -> None:
        nonlocal last
        if time.monotonic() - last.wall >= _EVERY_S:
            now = read(cores)
            threads = min(most, free(len(cores), last, now))
            if threads != torch.get_num_threads():
                torch.set_num_threads(threads)
            last = now

    try:
        yield settle
    finally:
        torch.set_num_threads(most)


def free(cores: int, before: Reading, after: Reading) -> int:
    """The cores that others left between two readings, one at least."""
    wall, used, own = (late - early for early, late in zip(before, after, strict=True))
    return max(1, round(cores - max(0.0, used - own) / wall))


def read(cores: list[int]) -> Reading:
    names = {f"cpu{core}" for core in cores}
    lines = [line.split() for line in _STAT.read_text().splitlines()]
    ticks = sum(int(line[1 + at]) for line in lines if line[0] in names for at in _USED)
    return Reading(time.monotonic(), ticks / os.sysconf("SC_CLK_TCK"), time.process_time())

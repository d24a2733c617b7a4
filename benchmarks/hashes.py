"""All pairs of near 64-bit hashes among up to a million: exact, and how the cost grows.

usage: hashes.py [--largest 1000000] [--radius 6]

Uniform hashes have next to no pairs; clustered ones come in groups of up to 24 that differ in a few bits, up
to ten million pairs of a million. A sample of 20,000 is compared by brute force: every pair must be found.
"""

from __future__ import annotations

import argparse
import multiprocessing as mp
import re
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.curate.neighbours import Hashes, Table

_CHECKED = 20_000
_GROUP = 24
_FLIPS = 3  # bits at most between a group's first and each of its others
_MB = 1024  # kB


def uniform(count: int, dice: np.random.Generator) -> Hashes:
    return dice.integers(0, 2**64, count, np.uint64)


def clustered(count: int, dice: np.random.Generator) -> Hashes:
    hashes = np.repeat(uniform(-(-count // _GROUP), dice), _GROUP)[:count]
    for _ in range(_FLIPS):
        hashes ^= np.uint64(1) << dice.integers(0, 64, count, np.uint64)
    return dice.permutation(hashes)


def pairs(hashes: Hashes, radius: int) -> npt.NDArray[np.uint64]:
    """Each pair once, as first index × 2³² + second, sorted."""
    found = [
        one[one < other].astype(np.uint64) << np.uint64(32) | other[one < other].astype(np.uint64)
        for one, other, _ in Table(hashes, radius).near(hashes)
    ]
    return np.sort(np.concatenate(found))


def brute(hashes: Hashes, radius: int) -> npt.NDArray[np.uint64]:
    found = []
    for one in range(len(hashes) - 1):
        other = one + 1 + np.flatnonzero(np.bitwise_count(hashes[one] ^ hashes[one + 1 :]) <= radius)
        found.append(np.uint64(one) << np.uint64(32) | other.astype(np.uint64))
    return np.concatenate(found)


def measured(kind: str, count: int, radius: int) -> tuple[int, float, float]:
    """Pairs, seconds, and the greatest resident memory in MB, of a process of its own."""
    with mp.get_context("spawn").Pool(1) as pool:
        return pool.apply(_alone, (kind, count, radius))


def _alone(kind: str, count: int, radius: int) -> tuple[int, float, float]:
    hashes = KINDS[kind](count, np.random.default_rng(1))
    start = time.perf_counter()
    found = len(pairs(hashes, radius))
    seconds = time.perf_counter() - start
    # Not getrusage: that of a new process begins with its parent's.
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return found, seconds, int(peak[1]) / _MB if peak else 0.0


KINDS = {"uniform": uniform, "clustered": clustered}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--largest", type=int, default=1_000_000)
    parser.add_argument("--radius", type=int, default=6)
    args = parser.parse_args()
    from outside import machine  # here, for it imports torch, and memory is measured in other processes

    print(machine())
    for kind, make in KINDS.items():
        some = make(_CHECKED, np.random.default_rng(0))
        exact = brute(some, args.radius)
        found = pairs(some, args.radius)
        agree = len(np.intersect1d(found, exact))
        print(f"{kind}, {_CHECKED}: {len(exact)} pairs by brute force, {agree} of them found")
        if not np.array_equal(found, exact):
            raise SystemExit("not the same pairs")
    print(f"{'':12}{'hashes':>10}{'pairs':>12}{'seconds':>9}{'µs each':>9}{'MB':>7}")
    for kind in KINDS:
        for count in (10_000, 100_000, 1_000_000):
            if count <= args.largest:
                found_count, seconds, memory = measured(kind, count, args.radius)
                each = 1e6 * seconds / count
                print(f"{kind:12}{count:10}{found_count:12}{seconds:9.2f}{each:9.1f}{memory:7.0f}")


if __name__ == "__main__":
    main()

"""Which of many 64-bit hashes are near each other, without comparing all with all.

Multi-index hashing (Norouzi, Punjani and Fleet 2012): two hashes that differ in at most 3 bits have at least
one of four 16-bit words in common, and in at most 7 bits one that differs in one bit or none.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

_WORDS = range(0, 64, 16)  # where each begins
_HITS = 400_000  # compared at once: 20 MB

Hashes = npt.NDArray[np.uint64]
Indices = npt.NDArray[np.intp]


class Table:
    """Hashes to be found."""

    def __init__(self, hashes: Hashes, radius: int) -> None:
        """`radius`: bits, 7 at most."""
        self._hashes, self._radius = hashes, radius
        self._flipped = int(radius > 3)  # bits of a word
        flips = [0] + [1 << bit for bit in range(16)] * self._flipped
        self._entries, self._starts = [], []
        for word in _WORDS:
            keys = (_word(hashes, word)[:, None] ^ np.array(flips, np.uint16)).ravel()
            order = np.argsort(keys, kind="stable")
            self._entries.append((order // len(flips)).astype(np.uint32))
            starts = np.zeros((1 << 16) + 1, np.intp)
            np.cumsum(np.bincount(keys, minlength=1 << 16), out=starts[1:])
            self._starts.append(starts)

    def near(self, queries: Hashes) -> Iterator[tuple[Indices, Indices, npt.NDArray[np.uint8]]]:
        """Indices of queries and of hashes within the radius, each pair once, and the bits between."""
        for word, entries, starts in zip(_WORDS, self._entries, self._starts, strict=True):
            keys = _word(queries, word)
            first, counts = starts[keys], starts[keys.astype(np.intp) + 1] - starts[keys]
            ends = np.cumsum(counts)
            for begin, end in _portions(ends):
                some = counts[begin:end]
                upto = ends[begin:end] - (ends[begin] - counts[begin])  # hits of this portion
                at = np.repeat((first[begin:end] - upto + some).astype(np.int32), some)
                at += np.arange(len(at), dtype=np.int32)
                found = entries[at]
                apart = np.repeat(queries[begin:end], some)
                apart ^= self._hashes[found]
                near = np.flatnonzero(np.bitwise_count(apart) <= self._radius)
                near = near[~self._met(apart[near], word)]
                query = begin + np.searchsorted(upto, near, side="right")
                yield query, found[near].astype(np.intp), np.bitwise_count(apart[near])

    def _met(self, apart: Hashes, word: int) -> npt.NDArray[np.bool_]:
        """Which pairs, differing so, were found by a word before this one."""
        met = np.zeros(len(apart), bool)
        for before in range(0, word, 16):
            met |= np.bitwise_count(_word(apart, before)) <= self._flipped
        return met


def _word(hashes: Hashes, start: int) -> npt.NDArray[np.uint16]:
    return (hashes >> np.uint64(start)).astype(np.uint16)


def _portions(ends: npt.NDArray[np.intp]) -> Iterator[tuple[int, int]]:
    """Runs of queries with not many more than _HITS hits, from how many there are up to each."""
    begin = 0
    while begin < len(ends):
        done = ends[begin - 1] if begin else 0
        end = max(begin + 1, int(np.searchsorted(ends, done + _HITS, side="right")))
        yield begin, end
        begin = end

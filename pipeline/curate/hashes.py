"""Which pictures may be copies of each other, told from their signatures: hashes propose, frequencies decide.

Of every picture 36 crops, what is inside its border and four halves are hashed, 64 signs of low
frequencies each. A copy hashes like one of them: a cropped one like a crop, a framed one like the inside of
its border, one with a mark like a half without it. Mirroring changes signs of odd horizontal frequencies.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.curate.neighbours import Indices, Table
from pipeline.curate.signature import FREQUENCIES, levels, unpacked

_RADIUS = 6  # bits between a copy and the crop that it is: of 7,200 copies 99 % lie within
_HALF_RADIUS = 3  # between halves that no mark touches
_COSINE, _HALF_COSINE = 0.84, 0.9  # least, between 12 × 12 frequencies, each as its root
_COMPARED = 12  # frequencies per axis
_PLAIN = 2.0  # grey levels: pictures with less of any frequency are told by their brightness alone
_BLOCK = 4096  # pictures, or pairs

# Segments of an axis, start and length: up to a tenth cut off in steps of a twentieth, and two halves.
_SEGMENTS = ((0, 1), (0, 0.95), (0, 0.9), (0.05, 0.95), (0.05, 0.9), (0.1, 0.9), (0, 0.45), (0.55, 0.45))
_CROPS = [(y, x) for y in range(6) for x in range(6)]
_HALVES = [(6, 0), (7, 0), (0, 6), (0, 7)]
_INSIDE = len(_CROPS)  # the view after the crops
_VIEWS = np.array([*_CROPS, (0, 0), *_HALVES])
_TOP, _BOTTOM, _LEFT, _RIGHT = range(_INSIDE + 1, len(_VIEWS))
_MIRRORED = {_TOP: _TOP, _BOTTOM: _BOTTOM, _LEFT: _RIGHT, _RIGHT: _LEFT}

Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Candidates:
    """N pairs, and where in each of the two pictures the same is to be seen, if they are copies."""

    one: Indices
    other: Indices
    box_one: Floats  # N × (left, top, right, bottom), of width and height; left > right where it is mirrored
    box_other: Floats

    @property
    def mirrored(self) -> Flags:
        return np.asarray(self.box_one[:, 0] > self.box_one[:, 2])

    def of(self, rows: Flags) -> Candidates:
        return Candidates(self.one[rows], self.other[rows], self.box_one[rows], self.box_other[rows])


def _segment(start: float, length: float) -> npt.NDArray[np.float64]:
    """12 × 16: the frequencies of a segment from those of the whole axis."""
    at = (np.arange(256) + 0.5) / 256
    own = np.cos(np.pi * np.outer(np.arange(_COMPARED), at)) / 256
    own[1:] *= 2
    return own @ np.cos(np.pi * np.outer(start + length * at, np.arange(FREQUENCIES)))


_SEGMENT = np.stack([_segment(*segment) for segment in _SEGMENTS]).astype(np.float32)
_BOXES = np.array(
    [(_SEGMENTS[x][0], _SEGMENTS[y][0], sum(_SEGMENTS[x]), sum(_SEGMENTS[y])) for y, x in [*_CROPS, (0, 0)]],
    np.float32,
)
_LOWEST = sorted(
    ((y, x) for y in range(9) for x in range(9) if y or x), key=lambda at: (at[0] ** 2 + at[1] ** 2, at)
)[:64]
_ROWS, _COLUMNS = np.array(_LOWEST).T
_FLIP = np.where(np.arange(_COMPARED) % 2, -1, 1).astype(np.float32)


# All segments at once, 9 frequencies each, and where in what they make of a picture the signs of a view lie.
_EVERY = _SEGMENT[:, :9].reshape(-1, FREQUENCIES)
_SEEN = (_VIEWS[:, :1] * 9 + _ROWS) * len(_EVERY) + _VIEWS[:, 1:] * 9 + _COLUMNS
_MIRROR = np.packbits(_COLUMNS % 2 == 1).view(np.uint64)[0]


class Pairs(NamedTuple):
    """N times: `one` through `view` may be `other` through `base`, mirrored where `flip`."""

    one: Indices
    view: Indices
    other: Indices
    base: Indices
    distance: npt.NDArray[np.uint8]  # bits
    flip: Flags

    def of(self, rows: Flags | Indices | slice) -> Pairs:
        one, view, other, base, distance, flip = self
        return Pairs(one[rows], view[rows], other[rows], base[rows], distance[rows], flip[rows])

    def nearest(self) -> Pairs:
        """The least distance of each two pictures, mirrored or not; of equals the least cut off."""
        low, high = np.minimum(self.one, self.other), np.maximum(self.one, self.other)
        order = np.lexsort((self.one, self.base, self.view, self.distance, self.flip, high, low))
        first = np.ones(len(order), bool)
        first[1:] = np.any([np.diff(key[order]) != 0 for key in (low, high, self.flip)], axis=0)
        return self.of(order[first])


def joined(parts: Sequence[Pairs]) -> Pairs:
    if not parts:
        none = np.empty(0, np.intp)
        return Pairs(none, none, none, none, none.astype(np.uint8), none.astype(bool))
    one, view, other, base, distance, flip = zip(*parts, strict=True)
    indices = [np.concatenate(column) for column in (one, view, other, base)]
    return Pairs(
        indices[0], indices[1], indices[2], indices[3], np.concatenate(distance), np.concatenate(flip)
    )


def hashed(signatures: Sequence[bytes]) -> list[bytes]:
    """Of each picture the hashes of its views, 8 bytes each."""
    packed, _, _ = unpacked(signatures)
    whole, inner = levels(packed).swapaxes(0, 1)
    seen = (_EVERY @ whole @ _EVERY.T).reshape(len(whole), -1)[:, _SEEN]
    seen[:, _INSIDE] = inner[:, _ROWS, _COLUMNS]
    hashes = np.packbits(seen > 0, axis=-1).view(np.uint64)[..., 0]
    for plain in np.flatnonzero(np.abs(whole).reshape(len(whole), -1)[:, 1:].max(axis=1) < _PLAIN):
        hashes[plain] = int(packed[plain, 0, 0, 0]) * 0x9E3779B97F4A7C15 % 2**64
    return [one.tobytes() for one in hashes]


class Index:
    """N pictures, and all hashes of them: of each 41 views, crops, what is inside the border, halves."""

    def __init__(self, signatures: Sequence[bytes], hashes: Sequence[bytes]) -> None:
        self._packed, self._inner, self._bordered = unpacked(signatures)
        self._hashes = np.frombuffer(b"".join(hashes), np.uint64).reshape(-1, len(_VIEWS))

    def near(
        self, views: Sequence[int], mirrored: Sequence[int], bases: Sequence[int], first_new: int
    ) -> Iterator[Pairs]:
        """Where one picture, seen through one of `views`, may be another through one of `bases`, or, seen
        through one of `mirrored`, its mirror image.
        """
        halves = views[0] > _INSIDE
        radius, least = (_HALF_RADIUS, _HALF_COSINE) if halves else (_RADIUS, _COSINE)
        every, new = np.arange(len(self._hashes)), np.arange(first_new, len(self._hashes))
        for asked, among in ((new, every), (every[:first_new], new)):
            if not len(asked):
                continue
            base, base_view = self._entries(among, bases)
            table = Table(self._hashes[base, base_view], radius)
            for flip, through in ((False, views), (True, mirrored)):
                for start in range(0, len(asked), _BLOCK):
                    query, view = self._entries(asked[start : start + _BLOCK], through)
                    hashes = self._hashes[query, view] ^ (_MIRROR if flip else np.uint64(0))
                    best: list[Pairs] = []
                    for at, found, distance in table.near(hashes):
                        flips = np.full(len(at), flip)
                        pairs = Pairs(query[at], view[at], base[found], base_view[found], distance, flips)
                        best.append(pairs.of(query[at] != base[found]))
                    yield from self._alike(joined(best).nearest(), least, flip=flip)

    def _entries(self, pictures: Indices, views: Sequence[int]) -> tuple[Indices, Indices]:
        """Picture and view of every hash; what is inside a border only where there is one."""
        picture, view = np.repeat(pictures, len(views)), np.tile(np.array(views), len(pictures))
        there = (view != _INSIDE) | self._bordered[picture]
        return picture[there], view[there]

    def _alike(self, pairs: Pairs, least: float, *, flip: bool) -> Iterator[Pairs]:
        for start in range(0, len(pairs.one), _BLOCK):
            block = pairs.of(slice(start, start + _BLOCK))
            one, other = self._seen(block.one, block.view), self._seen(block.other, block.base)
            cosine = (one * (other * _FLIP if flip else other)).sum(axis=(1, 2))
            plain = (one**2).sum(axis=(1, 2)) == 0
            yield block.of((cosine >= least) | plain)

    def _seen(self, pictures: Indices, views: Indices) -> Floats:
        """N × 12 × 12 frequencies of what each view shows of its picture, as a vector of length 1."""
        whole = levels(self._packed[pictures, (views == _INSIDE).astype(np.intp)])
        y, x = _VIEWS[views].T
        seen = _SEGMENT[y] @ whole @ _SEGMENT[x].transpose(0, 2, 1)
        seen[:, 0, 0] = 0
        seen[np.abs(seen).max(axis=(1, 2)) < _PLAIN / 2] = 0
        roots = np.sign(seen) * np.sqrt(np.abs(seen))
        length = np.sqrt((roots**2).sum(axis=(1, 2), keepdims=True))
        return np.asarray(roots / np.maximum(length, 1e-6))

    def boxes(self, pictures: Indices, views: Indices) -> Floats:
        """What the views show; of halves the whole, for the other half shows the same but for a mark."""
        shown = _BOXES[np.where(views > _INSIDE, 0, views)]
        return np.where((views == _INSIDE)[:, None], self._inner[pictures], shown)


def candidates(signatures: Sequence[bytes], hashes: Sequence[bytes], first_new: int) -> Candidates:
    """Pairs of which at least one is new, each at most once as it is and once mirrored.

    Of each picture its signature and what `hashed` makes of it.
    """
    index = Index(signatures, hashes)
    whole = range(_INSIDE + 1)
    found = [*index.near(whole, whole, (0, _INSIDE), first_new)]
    for half, mirrored in _MIRRORED.items():
        found += index.near((half,), (mirrored,), (half,), first_new)
    pairs = joined(found).nearest()
    box_one, box_other = index.boxes(pairs.one, pairs.view), index.boxes(pairs.other, pairs.base)
    box_one[pairs.flip] = box_one[pairs.flip][:, [2, 1, 0, 3]]
    return Candidates(pairs.one, pairs.other, box_one, box_other)

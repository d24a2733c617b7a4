"""Which part of a picture's longer side to keep when a square is cut from it.

A pixel stands out by how far its colour is from that of the picture's border and by how much it differs from
its neighbours. Kept is the square with the most of that; where several hold about as much, the most central.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from pipeline.curate.arrays import Bytes

_EDGES = np.uint16(2)  # weight of a difference between neighbours against one from the border
_OFF_CENTRE = 0.15  # how much less a square counts at the very end than in the middle


def focuses(pictures: Bytes, sizes: Sequence[tuple[int, int]]) -> list[float]:
    """Where along the longer side the square lies: 0 at its left or top end, 0.5 in the middle.

    `pictures` of `sizes` (width, height) are squashed to N × S × S × RGB: along one side nothing is squashed
    out of its place.
    """
    found = _standing_out(pictures)
    across = {True: found.sum(axis=1), False: found.sum(axis=2)}
    return [_focus(across[width > height][at], width, height) for at, (width, height) in enumerate(sizes)]


def _focus(along: npt.NDArray[np.float32], width: int, height: int) -> float:
    side = round(len(along) * min(width, height) / max(width, height))
    if side >= len(along):
        return 0.5
    place, weights = _places(len(along), side)
    within = weights @ along
    best = place[within >= within.max() * (1 - 1e-3)]
    return round(float(best.sum()) / len(best), 3)


@lru_cache(maxsize=256)
def _places(length: int, side: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Where P squares may lie, 0 to 1, and how much each pixel along the way counts for each, P × length."""
    place = np.linspace(0, 1, length - side + 1)
    at = np.arange(length) - np.arange(len(place))[:, None]
    counts = 1 - _OFF_CENTRE * np.abs(2 * place - 1)
    return place, np.where((at >= 0) & (at < side), counts[:, None], 0)


def _standing_out(pictures: Bytes) -> npt.NDArray[np.float32]:
    """N × S × S, in grey levels."""
    colours = np.ascontiguousarray(pictures.transpose(3, 0, 1, 2))
    top, bottom, left, right = colours[:, :, 0], colours[:, :, -1], colours[..., 0], colours[..., -1]
    border = np.concatenate([top, bottom, left, right], axis=2)
    middle = np.sort(border, axis=2)[:, :, border.shape[2] // 2]
    found = _apart(colours, middle[:, :, None, None])
    found[..., 1:] += _EDGES * _apart(colours[..., 1:], colours[..., :-1])
    found[:, 1:] += _EDGES * _apart(colours[:, :, 1:], colours[:, :, :-1])
    return found.astype(np.float32)


def _apart(one: Bytes, other: Bytes) -> npt.NDArray[np.uint16]:
    """The differences of all colours, the first axis, together."""
    return np.asarray((np.maximum(one, other) - np.minimum(one, other)).sum(axis=0, dtype=np.uint16))

"""Which part of a picture's longer side to keep when a square is cut from it.

A pixel stands out by how far its colour is from that of the picture's border and by how much it differs from
its neighbours. Kept is the square with the most of that; where several hold about as much, the most central.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipeline.curate.arrays import Bytes

_EDGES = 2.0  # weight of a difference between neighbours against one from the border
_OFF_CENTRE = 0.15  # how much less a square counts at the very end than in the middle


def focus(small: Bytes, width: int, height: int) -> float:
    """Where along the longer side the square lies: 0 at its left or top end, 0.5 in the middle.

    `small` is the picture of `width` × `height` squashed to S × S × RGB: along one side nothing is squashed
    out of its place.
    """
    along = _standing_out(small.transpose(1, 0, 2) if width > height else small)
    side = round(len(along) * min(width, height) / max(width, height))
    places = len(along) - side + 1
    if places < 2:
        return 0.5
    sums = np.concatenate([[0.0], np.cumsum(along)])
    place = np.linspace(0, 1, places)
    within = (sums[side:] - sums[:places]) * (1 - _OFF_CENTRE * np.abs(2 * place - 1))
    best = place[within >= within.max() * (1 - 1e-3)]
    return round(float(best.mean()), 3)


def _standing_out(small: Bytes) -> npt.NDArray[np.float64]:
    """How much of it is in each of the S rows, in grey levels."""
    levels = small.astype(np.int16)
    border = np.concatenate([levels[0], levels[-1], levels[:, 0], levels[:, -1]])
    middle = np.sort(border, axis=0)[len(border) // 2]
    found = np.abs(levels - middle).sum(axis=(1, 2), dtype=np.float64)
    found += _EDGES * np.abs(levels[:, 1:] - levels[:, :-1]).sum(axis=(1, 2))
    found[1:] += _EDGES * np.abs(levels[1:] - levels[:-1]).sum(axis=(1, 2))
    return np.asarray(found)

"""Which part of a picture's longer side to keep when a square is cut from it.

A pixel stands out by how far its colour is from that of the picture's border and by how much it differs from
its neighbours. Kept is the square with the most of that; where several hold about as much, the most central.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

_SIDE = 48  # px of the longer side: what stands out is large
_EDGES = 2.0  # weight of a difference between neighbours against one from the border
_OFF_CENTRE = 0.15  # how much less a square counts at the very end than in the middle


def focus(picture: Image.Image) -> float:
    """Where along the longer side the square lies: 0 at its left or top end, 0.5 in the middle."""
    width, height = picture.size
    if width == height:
        return 0.5
    scale = _SIDE / max(width, height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = np.asarray(picture.resize(size, Image.Resampling.BOX), np.float32)  # H × W × RGB
    if width < height:
        small = small.swapaxes(0, 1)
    along = _standing_out(small).sum(axis=0)
    side = len(small)
    places = len(along) - side + 1
    if places < 2:
        return 0.5
    sums = np.concatenate([[0.0], np.cumsum(along)])
    within = sums[side:] - sums[:places]
    place = np.linspace(0, 1, places)
    within *= 1 - _OFF_CENTRE * np.abs(2 * place - 1)
    best = np.flatnonzero(within >= within.max() * (1 - 1e-3))
    return round(float(place[best].mean()), 3)


def _standing_out(small: np.ndarray) -> np.ndarray:
    """H × W from H × W × RGB, in grey levels."""
    border = np.concatenate([small[0], small[-1], small[:, 0], small[:, -1]])
    unlike = np.abs(small - np.median(border, axis=0)).mean(axis=2)
    edges = np.zeros(small.shape[:2], np.float32)
    edges[:, 1:] += np.abs(np.diff(small, axis=1)).mean(axis=2)
    edges[1:] += np.abs(np.diff(small, axis=0)).mean(axis=2)
    return np.asarray(unlike + _EDGES * edges)

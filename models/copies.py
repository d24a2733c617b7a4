"""Samples that are training pictures or nearly so, told while a run goes on, by pixels alone.

Blurred beginnings lie near every picture. A copy lies nearer to one picture than any other picture does.

S samples, N training pictures, H W pixels, C channels.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from models.nearest import by_pixels

_SIDE = 32  # px that pictures are compared at: what is copied is more than its grain
_NEAR = 0.5  # of the way from the training picture to its own nearest
_MOST = 10_000  # training pictures that are searched: more are not learnt by heart while anyone waits

Pixels = NDArray[np.uint8]


class Originals:
    """What a run learns from, small."""

    def __init__(self, reals_NHWC: Pixels, *, mirrored: bool) -> None:
        """`mirrored` where a picture's mirror image counts as itself."""
        self._mirrored = mirrored
        self._small_NHWC = _small(reals_NHWC) if len(reals_NHWC) <= _MOST else None

    def copied(self, samples_SHWC: Pixels) -> float:
        """The share of the samples that are copies; 0 where there are too many pictures to tell."""
        reals_NHWC = self._small_NHWC
        if reals_NHWC is None or len(reals_NHWC) < 2:
            return 0.0
        to_samples_SN = by_pixels(_small(samples_SHWC), reals_NHWC, mirrored=self._mirrored)
        nearest, place_S = np.unique(to_samples_SN.argmin(1), return_inverse=True)
        to_others = by_pixels(reals_NHWC[nearest], reals_NHWC, mirrored=self._mirrored)
        to_others[np.arange(len(nearest)), nearest] = np.inf
        return float((to_samples_SN.min(1) < _NEAR * to_others.min(1)[place_S]).mean())


def _small(pictures_NHWC: Pixels) -> Pixels:
    if pictures_NHWC.shape[1] <= _SIDE:
        return pictures_NHWC
    parts = torch.from_numpy(pictures_NHWC).permute(0, 3, 1, 2).split(32)
    small_NCHW = torch.cat([F.adaptive_avg_pool2d(part.float(), _SIDE).round().byte() for part in parts])
    small_NHWC: Pixels = small_NCHW.permute(0, 2, 3, 1).numpy()
    return np.ascontiguousarray(small_NHWC)

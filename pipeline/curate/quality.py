"""What is measured of every picture: a perceptual hash, a thumbnail to verify it by, and how good it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from pipeline.curate.decode import Pixels

VERSION = 1  # bumped when a value would change
THUMB_SIDE = 32  # px
_QUALITY_SIDE = 160  # px of the longer side: sharpness that a small generator would see

_COSINES = np.cos(np.pi / (2 * THUMB_SIDE) * np.outer(np.arange(8), 2 * np.arange(THUMB_SIDE) + 1))


@dataclass(frozen=True, slots=True)
class Measures:
    phash: int  # 64 bits
    sharpness: float  # variance of the Laplacian
    brightness: float  # mean luma in [0, 1]
    thumb: bytes  # THUMB_SIDE × THUMB_SIDE × RGB, squashed to a square


def measure(pixels: Pixels) -> Measures:
    picture = pixels.fitted(_QUALITY_SIDE)
    thumb = picture.resize((THUMB_SIDE, THUMB_SIDE), Image.Resampling.BILINEAR)
    luma = np.asarray(picture.convert("L"), np.float32)
    return Measures(
        phash=perceptual_hash(np.asarray(thumb.convert("L"), np.float64)),
        sharpness=round(laplacian_variance(luma), 3),
        brightness=round(float(luma.mean()) / 255, 4),
        thumb=thumb.tobytes(),
    )


def perceptual_hash(luma: npt.NDArray[np.float64]) -> int:
    """pHash: the signs, about their median, of the 8 × 8 lowest frequencies of the cosine transform."""
    frequencies = (_COSINES @ luma @ _COSINES.T).ravel().round(3)
    median = np.sort(frequencies[1:])[31]  # the first is the mean, far above all others
    bits = frequencies > median
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def laplacian_variance(luma: npt.NDArray[np.float32]) -> float:
    laplacian = luma[1:-1, 1:-1] * -4
    for neighbours in (luma[:-2, 1:-1], luma[2:, 1:-1], luma[1:-1, :-2], luma[1:-1, 2:]):
        laplacian += neighbours
    return float(laplacian.var()) if laplacian.size else 0.0

"""What is measured of every picture: what copies of it are found by, and how good it is."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.curate.arrays import Bytes, laplacian, luma, moments, resized, squashed
from pipeline.curate.decode import Pixels
from pipeline.curate.hashes import hashed
from pipeline.curate.saliency import focus
from pipeline.curate.signature import SIDE, signature
from pipeline.curate.verify import CHROMA_SIDE, thumb

VERSION = 5  # bumped when a value would change
_SMALL = 32  # px, what hash and colourfulness see
_QUALITY_SIDE = 160  # px of the longer side: sharpness that a small generator would see

_COSINES = np.cos(np.pi / (2 * _SMALL) * np.outer(np.arange(8), 2 * np.arange(_SMALL) + 1))


@dataclass(frozen=True, slots=True)
class Measures:
    phash: int  # 64 bits
    sharpness: float  # variance of the Laplacian
    brightness: float  # mean luma in [0, 1]
    contrast: float  # standard deviation of luma, of the same scale
    colorfulness: float  # of the thumbnail
    focus: float  # saliency.focus
    signature: bytes  # signature.signature
    hashes: bytes  # hashes.hashed
    thumb: bytes  # verify.thumb


def measure(pixels: Pixels) -> Measures:
    picture = pixels.fitted(_QUALITY_SIDE)
    grey = luma(picture)
    small = resized(picture, (_SMALL, _SMALL))
    colours = small.astype(np.float32)
    square = squashed(grey, SIDE)
    brightness, contrast = moments(grey)
    frequencies = signature(grey, square)
    return Measures(
        phash=perceptual_hash(luma(small).astype(np.float64)),
        sharpness=round(laplacian_variance(grey), 3),
        brightness=round(brightness / 255, 4),
        contrast=round(contrast / 255, 4),
        colorfulness=round(colorfulness(colours), 2),
        focus=focus(colours, pixels.width, pixels.height),
        signature=frequencies,
        hashes=hashed(frequencies),
        thumb=thumb(square, resized(small, (CHROMA_SIDE, CHROMA_SIDE))),
    )


def perceptual_hash(luma: npt.NDArray[np.float64]) -> int:
    """pHash: the signs, about their median, of the 8 × 8 lowest frequencies of the cosine transform."""
    frequencies = (_COSINES @ luma @ _COSINES.T).ravel().round(3)
    median = np.sort(frequencies[1:])[31]  # the first is the mean, far above all others
    bits = frequencies > median
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def laplacian_variance(grey: Bytes) -> float:
    """Without the outermost pixels, which have no neighbours."""
    return moments(laplacian(grey)[1:-1, 1:-1])[1] ** 2 if min(grey.shape) > 2 else 0.0


def colorfulness(rgb: npt.NDArray[np.float32]) -> float:
    """Hasler and Süsstrunk 2003, M3: spread and mean of red-green and of yellow-blue, in grey levels."""
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    opponents = red - green, (red + green) / 2 - blue
    (mean_1, spread_1), (mean_2, spread_2) = (moments(one) for one in opponents)
    return math.hypot(spread_1, spread_2) + 0.3 * math.hypot(mean_1, mean_2)

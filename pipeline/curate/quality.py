"""What is measured of every picture: how good it is, and what its fingerprint will be taken from."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.curate.arrays import Bytes, laplacian, luma, moments, resized
from pipeline.curate.decode import Pixels
from pipeline.curate.fingerprint import SMALL, Reduced
from pipeline.curate.saliency import focus
from pipeline.curate.signature import shown
from pipeline.curate.verify import CHROMA_SIDE, thumb

VERSION = 6  # bumped when a value, or a fingerprint, would change
_QUALITY_SIDE = 160  # px of the longer side: sharpness that a small generator would see


@dataclass(frozen=True, slots=True)
class Measures:
    sharpness: float  # variance of the Laplacian
    brightness: float  # mean luma in [0, 1]
    contrast: float  # standard deviation of luma, of the same scale
    colorfulness: float  # of the picture reduced
    focus: float  # saliency.focus
    reduced: Reduced
    thumb: bytes  # verify.thumb


def measure(pixels: Pixels) -> Measures:
    picture = pixels.fitted(_QUALITY_SIDE)
    grey = luma(picture)
    small = resized(picture, (SMALL, SMALL))
    seen = shown(grey)
    brightness, contrast = moments(grey)
    return Measures(
        sharpness=round(laplacian_variance(grey), 3),
        brightness=round(brightness / 255, 4),
        contrast=round(contrast / 255, 4),
        colorfulness=round(colorfulness(small.astype(np.float32)), 2),
        focus=focus(small, pixels.width, pixels.height),
        reduced=Reduced(luma(small), seen),
        thumb=thumb(seen.whole, resized(small, (CHROMA_SIDE, CHROMA_SIDE))),
    )


def laplacian_variance(grey: Bytes) -> float:
    """Without the outermost pixels, which have no neighbours."""
    return moments(laplacian(grey)[1:-1, 1:-1])[1] ** 2 if min(grey.shape) > 2 else 0.0


def colorfulness(rgb: npt.NDArray[np.float32]) -> float:
    """Hasler and Süsstrunk 2003, M3: spread and mean of red-green and of yellow-blue, in grey levels."""
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    opponents = red - green, (red + green) / 2 - blue
    (mean_1, spread_1), (mean_2, spread_2) = (moments(one) for one in opponents)
    return math.hypot(spread_1, spread_2) + 0.3 * math.hypot(mean_1, mean_2)

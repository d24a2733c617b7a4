"""What is measured of every picture: what copies of it are found by, and how good it is."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from pipeline.curate.decode import Pixels
from pipeline.curate.saliency import focus
from pipeline.curate.signature import SIDE, signature
from pipeline.curate.verify import CHROMA_SIDE, thumb

VERSION = 3  # bumped when a value would change
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
    thumb: bytes  # verify.thumb


def measure(pixels: Pixels) -> Measures:
    picture = pixels.fitted(_QUALITY_SIDE)
    grey = picture.convert("L")
    luma = np.asarray(grey, np.float32)
    small = picture.resize((_SMALL, _SMALL), Image.Resampling.BILINEAR)
    colours = np.asarray(small, np.float32)
    square = grey.resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return Measures(
        phash=perceptual_hash(np.asarray(small.convert("L"), np.float64)),
        sharpness=round(laplacian_variance(luma), 3),
        brightness=round(float(luma.mean()) / 255, 4),
        contrast=round(float(luma.std()) / 255, 4),
        colorfulness=round(colorfulness(colours), 2),
        focus=focus(colours, pixels.width, pixels.height),
        signature=signature(grey, square),
        thumb=thumb(square, small.reduce(_SMALL // CHROMA_SIDE)),
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


def colorfulness(rgb: npt.NDArray[np.float32]) -> float:
    """Hasler and Süsstrunk 2003, M3: spread and mean of red-green and of yellow-blue, in grey levels."""
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    opponents = red - green, (red + green) / 2 - blue
    deviation = math.hypot(*(float(one.std()) for one in opponents))
    mean = math.hypot(*(float(one.mean()) for one in opponents))
    return deviation + 0.3 * mean

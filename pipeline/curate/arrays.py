"""Pictures as arrays, for looking at them: mostly by OpenCV, in a fifth of Pillow's and NumPy's time.

What is kept is cut by Pillow. OpenCV is imported by who looks only: it is a fifth of a second of a start.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Bytes = npt.NDArray[np.uint8]  # H × W, or H × W × RGB; of N pictures N × that
_MUCH = 3.0  # reduced by more, a picture may be halved first: what comes out is hardly another
_SQUASHED = 1.5  # likewise for `squashed`: as many copies are told by it
_LITTLE = 1.5  # reduced by less, nearly all pixels count between four neighbours, too


def resized(picture: Bytes, size: tuple[int, int]) -> Bytes:
    """At `size` (width, height), squashed or enlarged if need be."""
    import cv2

    height, width = picture.shape[:2]
    least = min(width, size[0]), min(height, size[1])
    seen: Any = picture
    if min(width / least[0], height / least[1]) >= _MUCH:
        seen = _halved(picture)
        height, width = seen.shape[:2]
    if max(width / least[0], height / least[1]) > _LITTLE:  # else means of areas take five times as long
        seen = cv2.resize(seen, least, interpolation=cv2.INTER_AREA)
    if seen.shape[1::-1] != size:
        seen = cv2.resize(seen, size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(seen)


def _halved(picture: Bytes) -> Bytes:
    """By means of 2 × 2 pixels, which are quick, where both sides are even; else as it is."""
    import cv2

    height, width = picture.shape[:2]
    if height % 2 or width % 2:
        return picture
    return np.asarray(cv2.resize(picture, (width // 2, height // 2), interpolation=cv2.INTER_AREA))


def squashed(grey: Bytes, side: int) -> Bytes:
    """H × W to side × side: by Pillow, whose filter takes copies for copies that OpenCV's means of areas, in
    half of the time, do not.
    """
    picture = Image.fromarray(_halved(grey) if min(grey.shape) >= _SQUASHED * side else grey)
    return np.asarray(picture.resize((side, side), Image.Resampling.BILINEAR))


def luma(picture: Bytes) -> Bytes:
    """H × W of H × W × RGB."""
    import cv2

    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)


def chroma(picture: Bytes) -> Bytes:
    """2 × H × W, Cb and Cr about 128, of H × W × RGB."""
    import cv2

    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2YCrCb)[..., :0:-1].transpose(2, 0, 1), np.uint8)


def laplacian_variance(grey: Bytes) -> float:
    """Of each pixel's four neighbours less four times itself, for all pixels that have four."""
    import cv2

    found = cv2.Laplacian(grey, cv2.CV_16S)[1:-1, 1:-1]  # whole numbers: the same sums in half the time
    if not found.size:
        return 0.0
    mean = cv2.sumElems(found)[0] / found.size
    return float(cv2.norm(found, cv2.NORM_L2SQR)) / found.size - float(mean) ** 2


def integrals(picture: Bytes) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float64]]:
    """Of H × W the sums, and the sums of squares, of all above and left of each corner: (H + 1) × (W + 1)."""
    import cv2

    sums, squares = cv2.integral2(picture)
    return np.asarray(sums, np.int32), np.asarray(squares, np.float64)


def moments(values: npt.NDArray[Any]) -> tuple[float, float]:
    """Mean and standard deviation of an array of at most two axes."""
    import cv2

    mean, spread = cv2.meanStdDev(values)
    return float(mean[0, 0]), float(spread[0, 0])

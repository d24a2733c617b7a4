"""Pictures as arrays, for looking at them: mostly by OpenCV, in a fifth of Pillow's and NumPy's time.

What is kept is cut by Pillow. OpenCV is imported by who looks only: it is a fifth of a second of a start.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Bytes = npt.NDArray[np.uint8]  # H × W, or H × W × RGB; of N pictures N × that
_MUCH = 3.0  # reduced by more, what is reduced by two first is hardly another picture
_LITTLE = 1.5  # reduced by less, nearly all pixels count between four neighbours, too


def resized(picture: Bytes, size: tuple[int, int]) -> Bytes:
    """At `size` (width, height), squashed or enlarged if need be."""
    import cv2

    height, width = picture.shape[:2]
    least = min(width, size[0]), min(height, size[1])
    seen: Any = picture
    if min(width / least[0], height / least[1]) >= _MUCH and not (width % 2 or height % 2):
        width, height = width // 2, height // 2  # of whole pixels means are quick
        seen = cv2.resize(seen, (width, height), interpolation=cv2.INTER_AREA)
    if max(width / least[0], height / least[1]) > _LITTLE:  # else means of areas take five times as long
        seen = cv2.resize(seen, least, interpolation=cv2.INTER_AREA)
    if seen.shape[1::-1] != size:
        seen = cv2.resize(seen, size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(seen)


def squashed(grey: Bytes, side: int) -> Bytes:
    """H × W to side × side: by Pillow, whose filter takes copies for copies that OpenCV's means of areas, in
    half of the time, do not.
    """
    return np.asarray(Image.fromarray(grey).resize((side, side), Image.Resampling.BILINEAR))


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


def lines(picture: Bytes, axis: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean and standard deviation of each row (axis 0) or column (1) of H × W, each of at most 258 px."""
    import cv2

    length = picture.shape[1 - axis]
    means, squares = (
        cv2.reduce(picture, 1 - axis, how, dtype=cv2.CV_32F).ravel() / np.float64(length)
        for how in (cv2.REDUCE_SUM, cv2.REDUCE_SUM2)  # whose sums are exact so far
    )
    return means, np.sqrt(np.maximum(squares - means**2, 0))


def moments(values: npt.NDArray[Any]) -> tuple[float, float]:
    """Mean and standard deviation of an array of at most two axes."""
    import cv2

    mean, spread = cv2.meanStdDev(values)
    return float(mean[0, 0]), float(spread[0, 0])

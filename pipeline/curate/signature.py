"""What a picture is recognised by when it comes again in another dress: its lowest frequencies.

A signature holds the 16 × 16 lowest coefficients of the cosine transform of the luma: of the whole picture
and, where it has a border of one colour, of what is inside. Perceptual hashes of any crop of it follow from
the coefficients alone, so that one reading of the pixels serves all comparisons to come.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from pipeline.curate.arrays import Bytes, integrals

FREQUENCIES = 16  # per axis
_DAMPING = 64  # finer waves count less, the finest by a sixth: encoding changes them more
_FINE = 11.0  # steps per square root of a grey level: one byte holds 0.01 to 130 levels
_FLAT = 8.0  # grey levels, standard deviation along a row of a border, noise of strong compression included
_SAME = 10.0  # grey levels between the mean of a border's first row and of its others
_RINGING = 6  # rows by which noise beside the picture may hide the end of the border

Box = tuple[int, int, int, int]
Coefficients = npt.NDArray[np.float32]
Sums = npt.NDArray[np.int32] | npt.NDArray[np.float64]


def signatures(lumas: Sequence[Bytes]) -> list[bytes]:
    """Of pictures' luma, H × W: 256 bytes each; with a border 516: the box inside it, in 255ths of the
    picture, follows, then 256 bytes for what is inside.
    """
    seen = [_seen(luma) for luma in lumas]
    packed = iter(_packed([coefficients for found, _ in seen for coefficients in found]))
    return [next(packed) + (box + next(packed) if box else b"") for _, box in seen]


def unpacked(
    signatures: Sequence[bytes],
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """N × 2 × 16 × 16 bytes (whole, inside its border), N × 4 boxes in [0, 1], and which have a border."""
    size = FREQUENCIES**2
    bordered = np.array([len(one) > size for one in signatures], bool)
    full = b"".join(one if len(one) > size else one + bytes((0, 0, 255, 255)) + one for one in signatures)
    rows = np.frombuffer(full, np.uint8).reshape(len(signatures), 2 * size + 4)
    coefficients = np.stack([rows[:, :size], rows[:, size + 4 :]], axis=1).view(np.int8)
    boxes = np.asarray(rows[:, size : size + 4], np.float32) / np.float32(255)
    return coefficients.reshape(-1, 2, FREQUENCIES, FREQUENCIES), np.asarray(boxes, np.float32), bordered


def levels(packed: npt.NDArray[np.int8]) -> npt.NDArray[np.float32]:
    """The coefficients in grey levels."""
    roots = packed.astype(np.float32) / _FINE
    return np.asarray(np.sign(roots) * roots**2)


def _seen(luma: Bytes) -> tuple[list[Coefficients], bytes]:
    """The coefficients of the whole; where there is a border, of what is inside, too, and the box of that."""
    whole = luma.astype(np.float32)
    height, width = luma.shape
    left, top, right, bottom = box = inside(luma)
    if box == (0, 0, width, height):
        return [_transformed(whole)], b""
    shares = (left / width, top / height, right / width, bottom / height)
    inner = _transformed(whole[top:bottom, left:right])
    return [_transformed(whole), inner], bytes(round(255 * share) for share in shares)


def _transformed(luma: Coefficients) -> Coefficients:
    height, width = luma.shape
    return np.asarray(_cosines(height) @ luma @ _cosines(width).T)


@lru_cache(maxsize=512)
def _cosines(length: int) -> Coefficients:
    """FREQUENCIES × length: the mean, then half waves; none that so few pixels cannot show."""
    at = (np.arange(length) + 0.5) / length
    waves = np.cos(np.pi * np.outer(np.arange(FREQUENCIES), at)) / length
    waves[1:] *= 2
    waves *= np.sinc(np.arange(FREQUENCIES) / _DAMPING)[:, None] ** 2
    waves[length:] = 0
    return waves.astype(np.float32)


def _packed(coefficients: Sequence[Coefficients]) -> list[bytes]:
    if not coefficients:
        return []
    found = np.stack(coefficients)
    roots = np.sign(found) * np.sqrt(np.abs(found)) * _FINE
    return [one.tobytes() for one in np.clip(roots.round(), -127, 127).astype(np.int8)]


def inside(luma: Bytes) -> Box:
    """What is left of H × W pixels without borders of one colour: left, top, right, bottom; all where that is
    less than a quarter of a side.
    """
    height, width = luma.shape
    nothing = (0, 0, width, height)
    sums, squares = integrals(luma)
    top, bottom = _ends(luma, sums[:, -1], squares[:, -1])
    if bottom - top < height / 4:
        return nothing
    left, right = _ends(luma[top:bottom].T, sums[bottom] - sums[top], squares[bottom] - squares[top])
    return nothing if right - left < width / 4 else (left, top, right, bottom)


def _ends(luma: Bytes, upto: Sums, squares_upto: Sums) -> tuple[int, int]:
    """Where the borders before and behind end, in rows; of these the sums up to each."""
    sums, squares = ((values[1:] - values[:-1]).tolist() for values in (upto, squares_upto))
    return _margin(luma, sums, squares), len(luma) - _margin(luma[::-1], sums[::-1], squares[::-1])


def _margin(luma: Bytes, sums: Sequence[float], squares: Sequence[float]) -> int:
    """Rows of one colour at the beginning; to the sharpest edge where noise ends them early."""
    rows, width = 0, luma.shape[1]
    for total, squared in zip(sums, squares, strict=True):
        mean = total / width
        if squared / width - mean**2 > _FLAT**2 or abs(mean - sums[0] / width) > _SAME:
            break
        rows += 1
    if rows in (0, len(luma)):
        return rows
    edge = luma[rows - 1 : rows + _RINGING].astype(np.int16)
    steps = np.abs(edge[1:] - edge[:-1]).sum(axis=1)
    return rows + int(steps.argmax())

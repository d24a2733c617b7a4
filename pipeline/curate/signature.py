"""What a picture is recognised by when it comes again in another dress: its lowest frequencies.

A signature holds the 16 × 16 lowest coefficients of the cosine transform of the luma: of the whole picture
and, where it has a border of one colour, of what is inside. Perceptual hashes of any crop of it follow from
the coefficients alone, so that one reading of the pixels serves all comparisons to come.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pipeline.curate.arrays import Bytes, moments, squashed

FREQUENCIES = 16  # per axis
SIDE = 64  # px of the square that is transformed
_FINE = 11.0  # steps per square root of a grey level: one byte holds 0.01 to 130 levels
_FLAT = 8.0  # grey levels, standard deviation along a row of a border, noise of strong compression included
_SAME = 10.0  # grey levels between the mean of a border's first row and of its others
_RINGING = 6  # rows by which noise beside the picture may hide the end of the border

Box = tuple[int, int, int, int]

_COSINES = np.cos(np.pi / SIDE * np.outer(np.arange(FREQUENCIES), np.arange(SIDE) + 0.5)) / SIDE
_COSINES = _COSINES.astype(np.float32)
_COSINES[1:] *= 2


def signature(luma: Bytes, square: Bytes) -> bytes:
    """Of a picture's `luma` and the same squashed to SIDE × SIDE.

    256 bytes; with a border 516: the box inside it follows (left, top, right, bottom, in 255ths of the
    picture), then 256 bytes for what is inside.
    """
    whole = _packed(square)
    height, width = luma.shape
    left, top, right, bottom = box = inside(luma)
    if box == (0, 0, width, height):
        return whole
    inner = squashed(luma, SIDE, box)
    shares = (left / width, top / height, right / width, bottom / height)
    return whole + bytes(round(255 * share) for share in shares) + _packed(inner)


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


def _packed(square: Bytes) -> bytes:
    found = _COSINES @ square.astype(np.float32) @ _COSINES.T
    roots = np.sign(found) * np.sqrt(np.abs(found)) * _FINE
    return np.clip(roots.round(), -127, 127).astype(np.int8).tobytes()


def inside(luma: Bytes) -> Box:
    """What is left of H × W pixels without borders of one colour: left, top, right, bottom; all where that is
    less than a quarter of a side.
    """
    height, width = luma.shape
    nothing = (0, 0, width, height)
    top, bottom = _margin(luma), height - _margin(luma[::-1])
    if bottom - top < height / 4:
        return nothing
    columns = np.ascontiguousarray(luma[top:bottom].T)
    left, right = _margin(columns), width - _margin(columns[::-1])
    return nothing if right - left < width / 4 else (left, top, right, bottom)


def _margin(luma: Bytes) -> int:
    """Rows of one colour at the beginning; to the sharpest edge where noise ends them early."""
    if moments(luma[0])[1] > _FLAT:
        return 0
    luma = luma.astype(np.float32)
    same = (luma.std(axis=1) <= _FLAT) & (np.abs(luma.mean(axis=1) - luma[0].mean()) <= _SAME)
    if same.all():
        return len(luma)
    rows = int(same.argmin())
    steps = np.abs(np.diff(luma[rows - 1 : rows + _RINGING], axis=0)).mean(axis=1)
    return rows + int(steps.argmax())

"""What a picture is recognised by when it comes again in another dress: its lowest frequencies.

A signature holds the 16 × 16 lowest coefficients of the cosine transform of the luma: of the whole picture
and, where it has a border of one colour, of what is inside. Perceptual hashes of any crop of it follow from
the coefficients alone, so that one reading of the pixels serves all comparisons to come.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.curate.arrays import Bytes, lines, squashed

FREQUENCIES = 16  # per axis
SIDE = 64  # px of the square that is transformed
_FINE = 11.0  # steps per square root of a grey level: one byte holds 0.01 to 130 levels
_FLAT = 8.0  # grey levels, standard deviation along a row of a border, noise of strong compression included
_SAME = 10.0  # grey levels between the mean of a border's first row and of its others
_RINGING = 6  # rows by which noise beside the picture may hide the end of the border

Box = tuple[int, int, int, int]
Floats = npt.NDArray[np.float64]

_COSINES = np.cos(np.pi / SIDE * np.outer(np.arange(FREQUENCIES), np.arange(SIDE) + 0.5)) / SIDE
_COSINES = _COSINES.astype(np.float32)
_COSINES[1:] *= 2


@dataclass(frozen=True, slots=True)
class Shown:
    """What a signature is made of: luma, SIDE × SIDE."""

    whole: Bytes
    inner: Bytes | None  # what is inside the border, where there is one
    box: bytes  # left, top, right, bottom of that, in 255ths of the picture; else empty


def shown(luma: Bytes) -> Shown:
    """Of a picture's `luma`, H × W."""
    whole = squashed(luma, SIDE)
    height, width = luma.shape
    left, top, right, bottom = box = inside(luma)
    if box == (0, 0, width, height):
        return Shown(whole, None, b"")
    shares = (left / width, top / height, right / width, bottom / height)
    return Shown(whole, squashed(luma, SIDE, box), bytes(round(255 * share) for share in shares))


def signatures(pictures: Sequence[Shown]) -> list[bytes]:
    """256 bytes each; with a border 516: the box inside it follows, then 256 bytes for what is inside."""
    whole = _packed([one.whole for one in pictures])
    inner = iter(_packed([one.inner for one in pictures if one.inner is not None]))
    return [
        packed + one.box + (next(inner) if one.box else b"")
        for packed, one in zip(whole, pictures, strict=True)
    ]


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


def _packed(squares: Sequence[Bytes]) -> list[bytes]:
    if not squares:
        return []
    found = _COSINES @ np.stack(squares).astype(np.float32) @ _COSINES.T
    roots = np.sign(found) * np.sqrt(np.abs(found)) * _FINE
    return [one.tobytes() for one in np.clip(roots.round(), -127, 127).astype(np.int8)]


def inside(luma: Bytes) -> Box:
    """What is left of H × W pixels without borders of one colour: left, top, right, bottom; all where that is
    less than a quarter of a side.
    """
    height, width = luma.shape
    nothing = (0, 0, width, height)
    top, bottom = _ends(luma, 0)
    if bottom - top < height / 4:
        return nothing
    left, right = _ends(luma[top:bottom], 1)
    return nothing if right - left < width / 4 else (left, top, right, bottom)


def _ends(luma: Bytes, axis: int) -> tuple[int, int]:
    """Where the borders before and behind end, in rows (axis 0) or columns (1)."""
    means, spreads = lines(luma, axis)
    across = luma if axis == 0 else luma.T
    behind = _margin(across[::-1], means[::-1], spreads[::-1])
    return _margin(across, means, spreads), len(across) - behind


def _margin(luma: Bytes, means: Floats, spreads: Floats) -> int:
    """Rows of one colour at the beginning; to the sharpest edge where noise ends them early."""
    if spreads[0] > _FLAT:
        return 0
    same = (spreads <= _FLAT) & (np.abs(means - means[0]) <= _SAME)
    if same.all():
        return len(luma)
    rows = int(same.argmin())
    edge = luma[rows - 1 : rows + _RINGING].astype(np.float32)
    steps = np.abs(edge[1:] - edge[:-1]).mean(axis=1)
    return rows + int(steps.argmax())

"""Squares: where they lie in the raw picture, and how their pixels are cut out, never squashed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from pipeline.curate.decode import Pixels
from pipeline.curate.faces import Face

VERSION = 1  # of `cut`; bumped when the same square would give other pixels


@dataclass(frozen=True, slots=True)
class Square:
    """In pixels of the raw picture; reaches beyond its borders where it is to be padded."""

    left: int
    top: int
    side: int

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, right, bottom; the last two exclusive."""
        return self.left, self.top, self.left + self.side, self.top + self.side


def centred(side: int, size: int, width: int, height: int) -> Square | None:
    """The square of `side` about the middle; None where it would have to be enlarged to `size`."""
    return None if side < size else Square((width - side) // 2, (height - side) // 2, side)


def around(face: Face, margin: float, size: int, width: int, height: int) -> Square | None:
    """The face with `margin` times its side on each side, moved inward at the borders, shrunk where it
    does not fit.

    A face so small that its square would have to be enlarged to `size` gets more of its surroundings
    instead, up to twice the side that was asked for; None where even that is too small.
    """
    wanted = round(face.side * (1 + 2 * margin))
    side = min(max(wanted, size), width, height)
    if side < size or side > 2 * wanted:
        return None
    left = (face.left + face.right - side) // 2
    top = (face.top + face.bottom - side) // 2
    return Square(min(max(0, left), width - side), min(max(0, top), height - side), side)


def cut(pixels: Pixels, square: Square, size: int) -> Image.Image:
    """RGB, size × size; beyond the picture's borders their median colour."""
    picture = pixels.working(size / square.side)
    x, y = picture.width / pixels.width, picture.height / pixels.height
    left, top, right, bottom = pixels.inside(square.box)
    box = (left * x, top * y, min(right * x, picture.width), min(bottom * y, picture.height))
    scale = size / square.side
    part = (max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale)))
    inner = picture.resize(part, Image.Resampling.LANCZOS, box)
    if part == (size, size):
        return inner
    canvas = Image.new("RGB", (size, size), _border_colour(picture))
    canvas.paste(inner, (round((left - square.left) * scale), round((top - square.top) * scale)))
    return canvas


def _border_colour(picture: Image.Image) -> tuple[int, ...]:
    values = np.asarray(picture)
    border: Sequence[np.ndarray] = (values[0], values[-1], values[:, 0], values[:, -1])
    return tuple(int(value) for value in np.median(np.concatenate(border), axis=0))

"""Squares: where they lie in the raw picture, and how their pixels are cut out, never squashed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from pipeline.curate.config import CurateConfig
from pipeline.curate.decode import Pixels
from pipeline.curate.faces import Face

VERSION = 2  # of `cut`; bumped when the same square would give other pixels
_LEVEL = 1.0  # degrees: a smaller tilt is left, for turning costs sharpness
_UPRIGHT = 35.0  # degrees: a face that seems to be tilted more was not understood


@dataclass(frozen=True, slots=True)
class Square:
    """In pixels of the raw picture; reaches beyond its borders where it is to be padded."""

    left: int
    top: int
    side: int
    angle: float = 0.0  # degrees that it is turned about its middle, clockwise

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, right, bottom as it lies before it is turned; the last two exclusive."""
        return self.left, self.top, self.left + self.side, self.top + self.side

    @property
    def spread(self) -> float:
        """How much wider it is than its side, corner to corner of the turned square."""
        return spread(self.angle)


def spread(angle: float) -> float:
    turned = math.radians(angle)
    return abs(math.cos(turned)) + abs(math.sin(turned))


def whole(config: CurateConfig, width: int, height: int, focus: float | None) -> Square | None:
    """The square of a picture without faces: padded about it, or the part of its longer side that `gravity`
    names (`focus`: where along it, 0 to 1). None where it would have to be enlarged.
    """
    side = (max if config.crop == "pad" else min)(width, height)
    if side < config.size and not config.upscale:
        return None
    if config.gravity == "saliency" and config.crop != "pad" and focus is not None:
        return Square(round((width - side) * focus), round((height - side) * focus), side)
    return Square((width - side) // 2, (height - side) // 2, side)


def around(face: Face, config: CurateConfig, width: int, height: int) -> Square | None:
    """The face with `margin` times its side on each side; moved inward at the borders and shrunk where it
    does not fit, or left to be padded.

    A face so small that its square would have to be enlarged to `size` gets more of its surroundings
    instead, up to twice the side that was asked for; None where even that is too small.
    """
    wanted = round(face.side * (1 + 2 * config.margin))
    angle = _angle(face) if config.align else 0.0
    side = wanted if config.upscale else max(wanted, config.size)
    if config.border == "move":
        side = min(side, math.floor(min(width, height) / spread(angle)))
    if (side < config.size and not config.upscale) or side > 2 * wanted or side < 1:
        return None
    left, top = ((face.left + face.right - side) // 2, (face.top + face.bottom - side) // 2)
    if config.border == "move":
        corner = math.ceil(side * (spread(angle) - 1) / 2)  # how far a turned corner reaches out
        left = min(max(corner, left), max(corner, width - side - corner))
        top = min(max(corner, top), max(corner, height - side - corner))
    return Square(left, top, side, angle)


def _angle(face: Face) -> float:
    """Degrees to turn the square by; 0 for what is nothing or cannot be."""
    tilt = face.tilt or 0.0
    return tilt if _LEVEL <= abs(tilt) <= _UPRIGHT else 0.0


def cut(pixels: Pixels, square: Square, config: CurateConfig) -> Image.Image:
    """RGB, size × size; beyond the picture's borders `pad_color` or their median colour."""
    return _turned(pixels, square, config) if square.angle else _upright(pixels, square, config.size, config)


def _upright(pixels: Pixels, square: Square, size: int, config: CurateConfig) -> Image.Image:
    """The square as it lies before it is turned, at `size`."""
    picture = pixels.working(size / square.side)
    x, y = picture.width / pixels.width, picture.height / pixels.height
    left, top, right, bottom = pixels.inside(square.box)
    box = (left * x, top * y, min(right * x, picture.width), min(bottom * y, picture.height))
    scale = size / square.side
    part = (max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale)))
    inner = picture.resize(part, Image.Resampling.LANCZOS, box)
    if part == (size, size):
        return inner
    canvas = Image.new("RGB", (size, size), _outside(picture, config))
    canvas.paste(inner, (round((left - square.left) * scale), round((top - square.top) * scale)))
    return canvas


def _turned(pixels: Pixels, square: Square, config: CurateConfig) -> Image.Image:
    """Turned at twice the size, then reduced: what turning blurs is hardly left."""
    twice = 2 * config.size
    reach = math.ceil(square.side * square.spread / 2) + 1  # from the middle, in raw pixels
    middle_x, middle_y = square.left + square.side / 2, square.top + square.side / 2
    around_it = Square(round(middle_x) - reach, round(middle_y) - reach, 2 * reach)
    scale = twice / square.side
    surroundings = _upright(pixels, around_it, max(1, round(2 * reach * scale)), config)
    scale = surroundings.width / (2 * reach)
    x, y = (middle_x - around_it.left) * scale, (middle_y - around_it.top) * scale
    step = square.side * scale / twice
    cosine, sine = (step * part(math.radians(square.angle)) for part in (math.cos, math.sin))
    # What Pillow asks for: where in `surroundings` each pixel of the result comes from.
    origin = (x - (cosine - sine) * config.size, y - (sine + cosine) * config.size)
    affine = (cosine, -sine, origin[0], sine, cosine, origin[1])
    turned = surroundings.transform((twice, twice), Image.Transform.AFFINE, affine, Image.Resampling.BICUBIC)
    return turned.resize((config.size, config.size), Image.Resampling.LANCZOS)


def _outside(picture: Image.Image, config: CurateConfig) -> tuple[int, ...]:
    if config.pad_color:
        return tuple(bytes.fromhex(config.pad_color.removeprefix("#")))
    values = np.asarray(picture)
    border: Sequence[np.ndarray] = (values[0], values[-1], values[:, 0], values[:, -1])
    return tuple(int(value) for value in np.median(np.concatenate(border), axis=0))

"""Pictures small enough to live inside a page: WebP in data: addresses.

The files were fetched from strangers. One that cannot be read gives None, and the page shows an empty tile.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from PIL import Image, ImageOps

from pipeline import heic

heic.register()

T = TypeVar("T")
MOST_PIXELS = 60_000_000  # larger ones are not worth their decoding for a thumbnail
GAP = 2  # px between the tiles of a sheet
ANIMATION_BYTES = 850_000
# Tried in turn until the animation fits: longest side in px, WebP quality, frames.
ANIMATION_SIZES = ((480, 70, 40), (400, 55, 32), (320, 45, 24), (240, 35, 16), (160, 30, 12))


@dataclass(frozen=True, slots=True)
class Embedded:
    """A picture as a page holds it."""

    uri: str
    width: int  # px
    height: int
    scale: float = 1.0  # its px per px of the file, after EXIF rotation


def thumbnail(path: Path, side: int, quality: int = 72) -> Embedded | None:
    """The picture at `path`, at most `side` px wide and high."""
    return _readable(partial(_thumbnail, path, side, quality))


def small(path: Path, side: int) -> tuple[Image.Image, float] | None:
    """The picture at `path`, RGB, upright, at most `side` px wide and high; and its px per px of the file."""
    return _readable(partial(_small, path, side))


def _thumbnail(path: Path, side: int, quality: int) -> Embedded:
    picture, scale = _small(path, side)
    return _embed(picture, quality, scale)


def _small(path: Path, side: int) -> tuple[Image.Image, float]:
    with path.open("rb") as file, Image.open(file) as opened:
        longest = max(opened.size)
        if opened.width * opened.height > MOST_PIXELS:
            raise Image.DecompressionBombError
        opened.draft("RGB", (2 * side, 2 * side))
        picture = _on_white(ImageOps.exif_transpose(opened))
    picture.thumbnail((side, side))
    return picture, max(picture.size) / longest


def _readable(read: Callable[[], T]) -> T | None:
    try:
        return read()
    except Exception:  # Pillow raises what it likes on files that were made to be wrong
        return None


def _on_white(picture: Image.Image) -> Image.Image:
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    layer = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")


def _embed(picture: Image.Image, quality: int, scale: float = 1.0) -> Embedded:
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=quality, method=4)
    return Embedded(_uri(buffer.getvalue()), picture.width, picture.height, scale)


def _uri(webp: bytes) -> str:
    return "data:image/webp;base64," + base64.b64encode(webp).decode()


def sheet(paths: Sequence[Path], columns: int, tile: int, quality: int = 75) -> Embedded | None:
    """Square pictures side by side in rows; those that cannot be read are left out."""
    read = (_readable(partial(_small, path, tile)) for path in paths)
    tiles = [found[0] for found in read if found is not None]
    if not tiles:
        return None
    columns = min(columns, len(tiles))
    step = tile + GAP
    rows = -(-len(tiles) // columns)
    whole = Image.new("RGBA", (columns * step - GAP, rows * step - GAP))
    for index, picture in enumerate(tiles):
        whole.paste(picture, (index % columns * step, index // columns * step))
    return _embed(whole, quality)


def animation(path: Path) -> Embedded | None:
    """An animated GIF as a WebP of at most ANIMATION_BYTES, its frames thinned evenly if need be."""
    return _readable(partial(_animation, path))


def _animation(path: Path) -> Embedded:
    with Image.open(path) as film:
        total = getattr(film, "n_frames", 1)
        for side, quality, most in ANIMATION_SIZES:
            frames = []
            for index in evenly(total, most):
                film.seek(index)
                frame = film.convert("RGB")
                frame.thumbnail((side, side))
                frames.append(frame)
            content = _film(frames, quality)
            if len(content) <= ANIMATION_BYTES:
                break
    return Embedded(_uri(content), *frames[0].size)


def _film(frames: Sequence[Image.Image], quality: int) -> bytes:
    shown = [round(6000 / len(frames))] * (len(frames) - 1) + [2500]  # ms; the last one stays a while
    how = {"append_images": frames[1:], "duration": shown, "loop": 0, "quality": quality, "method": 2}
    buffer = io.BytesIO()
    frames[0].save(buffer, "WEBP", save_all=True, **how)
    return buffer.getvalue()


def evenly(total: int, most: int) -> list[int]:
    """At most `most` indices spread over range(total), the first and the last among them."""
    if total <= most:
        return list(range(total))
    if most == 1:
        return [total - 1]
    return [round(step * (total - 1) / (most - 1)) for step in range(most)]

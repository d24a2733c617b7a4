"""The work of one shard: open each picture once, find out what is not known of it, and cut its squares.

Runs in any process, on any machine that sees the data directory; depends on nothing but its arguments.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipeline import store
from pipeline.curate.config import CurateConfig
from pipeline.curate.crop import Square, cut
from pipeline.curate.decode import Pixels
from pipeline.curate.faces import Face, by_prominence, detector
from pipeline.curate.facts import PictureFacts, Thumb
from pipeline.curate.fates import Known, fates, kept_anyway
from pipeline.curate.quality import measure
from pipeline.errors import MissingInput, PictureFault

SUFFIX = {"png": ".png", "webp": ".webp", "jpeg": ".jpg"}
_ENCODING: dict[str, dict[str, Any]] = {
    "webp": {"lossless": True, "method": 0},
    "jpeg": {"quality": 95, "subsampling": 0},
}


@dataclass(frozen=True, slots=True)
class Job:
    """One picture whose pixels are needed, with what is known of it."""

    image_id: str
    path: Path
    facts: PictureFacts | None
    faces: tuple[Face, ...] | None  # None: to be looked for, where the recipe asks for faces
    wanted: bool = False  # by a person, whatever rule it breaks


@dataclass(frozen=True, slots=True)
class Seen:
    """What was found out; None or empty what was known before."""

    facts: PictureFacts | None = None
    thumb: Thumb | None = None
    faces: tuple[Face, ...] | None = None


def look(shard: Sequence[Job], config: CurateConfig, squares: Path) -> list[Seen]:
    """Facts are returned; what is cut goes into the folder `squares`, named by `square_name`."""
    return [_look(job, config, squares) for job in shard]


def unreadable(job: Job, reason: str) -> Seen:
    return Seen(PictureFacts(job.image_id, reason))


def square_name(image_id: str, square: Square, config: CurateConfig) -> str:
    turned = f"-{square.angle}" if square.angle else ""
    return f"{image_id}-{square.left}-{square.top}-{square.side}{turned}{SUFFIX[config.format]}"


def _look(job: Job, config: CurateConfig, squares: Path) -> Seen:
    try:
        pixels = _opened(job.path)
        facts, thumb, faces = job.facts, None, job.faces
        if facts is None:
            facts, thumb = _measured(job.image_id, pixels)
        if faces is None and config.crop == "face":
            found = detector(config.looks)(pixels)
            faces = tuple(by_prominence(found, pixels.width, pixels.height))
        _cut_all(job, pixels, Known(facts, faces or ()), config, squares)
    except PictureFault as fault:
        return unreadable(job, fault.slug)
    return Seen(
        facts if job.facts is None else None,
        thumb,
        faces if job.faces is None else None,
    )


def _opened(path: Path) -> Pixels:
    try:
        return Pixels(path)
    except OSError as error:
        raise MissingInput(f"{path}: {error.strerror}; `impasto scrape` fetches it again") from error


def _measured(image_id: str, pixels: Pixels) -> tuple[PictureFacts, Thumb]:
    found = measure(pixels)
    facts = PictureFacts(
        image_id=image_id,
        reason=None,
        width=pixels.width,
        height=pixels.height,
        phash=found.phash,
        sharpness=found.sharpness,
        brightness=found.brightness,
        contrast=found.contrast,
        colorfulness=found.colorfulness,
        focus=found.focus,
        signature=found.signature,
        hashes=found.hashes,
    )
    return facts, Thumb(image_id, found.thumb)


def _cut_all(job: Job, pixels: Pixels, known: Known, config: CurateConfig, squares: Path) -> None:
    for fate in (kept_anyway if job.wanted else fates)(config, known):
        if fate.reason is None and fate.square:
            picture = cut(pixels, fate.square, config)
            encoded = _encoded(picture if config.channels == 3 else picture.convert("L"), config)
            name = square_name(job.image_id, fate.square, config)
            store.write_bytes(squares / name, encoded, durable=False)


def _encoded(picture: Image.Image, config: CurateConfig) -> bytes:
    if config.format == "png":
        return _png(picture)
    buffer = io.BytesIO()
    picture.save(buffer, config.format, **_ENCODING[config.format])
    return buffer.getvalue()


def _png(picture: Image.Image) -> bytes:
    """By OpenCV, in a quarter of Pillow's time: runs and one filter are as small as zlib's level 6."""
    import cv2

    pixels = np.asarray(picture)
    pixels = pixels[..., ::-1] if pixels.ndim == 3 else pixels  # OpenCV has blue first
    how = [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
    how += [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_PAETH]
    return cv2.imencode(".png", pixels, how)[1].tobytes()

"""Pictures of every format that is read, and what becomes of files on bad disks and broken lines."""

from __future__ import annotations

import io
import os
import random
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from pipeline import heic
from tests.pipeline.curate.conftest import drawn, encoded

heic.register()  # to write one

_SAVED = (
    ("JPEG", {"quality": 90}),
    ("JPEG", {"progressive": True}),
    ("PNG", {}),
    ("WEBP", {}),
    ("WEBP", {"lossless": True}),
    ("GIF", {}),
    ("BMP", {}),
    ("TIFF", {"compression": "tiff_lzw"}),
    ("TIFF", {"compression": "tiff_adobe_deflate"}),
    ("TIFF", {"compression": "jpeg"}),
    ("AVIF", {}),
    ("HEIF", {}),
    ("HEIF", {"tile_size": 64}),
)


def originals() -> list[bytes]:
    """Files under $IMPASTO_PICTURES where it names a folder, and drawn ones of every format."""
    folder = os.environ.get("IMPASTO_PICTURES")
    files = sorted(path for path in Path(folder).rglob("*") if path.is_file()) if folder else []
    some = random.Random(0).sample(files, min(len(files), 500))
    return [*_drawn(), *(path.read_bytes() for path in some)]


def damaged(originals: list[bytes], count: int, seed: int) -> Iterator[bytes]:
    """Bits flipped, bytes cut out, the end cut off: one of these or several, at the beginning or anywhere."""
    dice = random.Random(seed)
    for _ in range(count):
        content = bytearray(dice.choice(originals))
        reach = dice.choice([100, 1000, len(content)])  # most that can go wrong is in the header
        for _ in range(dice.choice([0, 1, 1, 2, 8, 64])):
            content[dice.randrange(min(reach, len(content)))] ^= 1 << dice.randrange(8)
        if dice.random() < 0.3:
            start = dice.randrange(min(reach, len(content)))
            del content[start : start + dice.choice([1, 4, 100])]
        if dice.random() < 0.3:
            del content[dice.randrange(len(content)) :]
        yield bytes(content)


def _drawn() -> Iterator[bytes]:
    for seed, (kind, how) in enumerate(_SAVED):
        exif = Image.Exif()
        exif[0x0112] = seed % 8 + 1
        yield encoded(drawn(seed), kind, exif=exif.tobytes(), **how)
    yield encoded(drawn(20).convert("CMYK"), "JPEG", quality=90)
    yield encoded(drawn(21).quantize(32), "PNG", transparency=3)
    yield encoded(drawn(22).convert("LA"), "PNG")
    frames = io.BytesIO()
    drawn(23).save(frames, "GIF", save_all=True, append_images=[drawn(24)])
    yield frames.getvalue()
    yield cv2.imencode(".png", np.asarray(drawn(25)).astype(np.uint16) * 257)[1].tobytes()

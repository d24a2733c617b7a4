"""What the embedded picture site holds: many different cats, and what real sites hold besides.

The catalogue is the same at every start, and so are the bytes of every picture. Pictures are composed when
they are asked for.
"""

from __future__ import annotations

import hashlib
import io
import random
from dataclasses import dataclass

from PIL import Image

from pipeline.gallery import cats

CATS = 800
PAGE = 60  # exhibits of a page of the listing, as on WikiArt

# Beside the cats, each made from one of them.
COPIES = 20  # the same bytes under another address
RECODED = 15  # the same picture, compressed harder
RESIZED = 15  # the same picture, smaller
BROKEN = 4  # files that break off half-way
HTML = 1  # a page that says .jpg
SMALL = 10  # too small to be of use

_SMALL_SIDE = 48  # px
_HTML = b"<!doctype html><title>Moved</title><p>This picture lives elsewhere now.</p>\n"


@dataclass(frozen=True, slots=True)
class Exhibit:
    """One entry of the listing."""

    number: int
    cat: cats.Cat
    kind: str  # cat | copy | recoded | resized | broken | html | small
    suffix: str  # .jpg | .png

    @property
    def id(self) -> str:
        return hashlib.sha256(f"{self.kind} {self.number}".encode()).hexdigest()[:24]

    @property
    def file(self) -> str:
        return f"{self.id}{self.suffix}"

    @property
    def title(self) -> str:
        return f"Cat No. {self.number}"

    def content(self) -> tuple[str, bytes]:
        """Media type and bytes, as the site serves them."""
        if self.kind == "html":
            return "text/html; charset=utf-8", _HTML
        content = _encoded(self)
        if self.kind == "broken":
            content = content[: len(content) // 2]
        return ("image/png" if self.suffix == ".png" else "image/jpeg"), content


def catalogue() -> tuple[Exhibit, ...]:
    """Every exhibit, in the order of the listing: what is not a cat of its own stands anywhere among them."""
    dice = random.Random(1)
    exhibits = [
        Exhibit(number, cat, "cat", ".png" if number % 8 == 0 else ".jpg")
        for number, cat in enumerate(cats.choose(CATS), start=1)
    ]
    besides = {
        "copy": COPIES,
        "recoded": RECODED,
        "resized": RESIZED,
        "broken": BROKEN,
        "html": HTML,
        "small": SMALL,
    }
    originals = iter(dice.sample(exhibits, sum(besides.values())))
    for kind, count in besides.items():
        for _ in range(count):
            original = next(originals)
            suffix = original.suffix if kind == "copy" else ".jpg"
            exhibits.append(Exhibit(len(exhibits) + 1, original.cat, kind, suffix))
    dice.shuffle(exhibits)
    return tuple(exhibits)


def _encoded(exhibit: Exhibit) -> bytes:
    dice = random.Random(exhibit.number)
    picture, quality = cats.compose(exhibit.cat), 90
    if exhibit.kind == "recoded":
        quality = dice.randint(60, 75)
    elif exhibit.kind == "resized":
        picture = _to_side(picture, round(cats.SIDE * dice.uniform(0.6, 0.8)))
    elif exhibit.kind == "small":
        picture = _to_side(picture, _SMALL_SIDE)
    buffer = io.BytesIO()
    if exhibit.suffix == ".png":
        picture.save(buffer, "PNG", compress_level=3)
    else:
        picture.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def _to_side(picture: Image.Image, side: int) -> Image.Image:
    return picture.resize((side, side), Image.Resampling.LANCZOS)

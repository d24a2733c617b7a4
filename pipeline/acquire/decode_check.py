"""Whether bytes are a picture: named by its header, small enough to open, decodable to the last row."""

from __future__ import annotations

import functools
import io
import warnings
from dataclasses import dataclass
from types import ModuleType

from pipeline import heic
from pipeline.errors import PictureFault

MAX_PIXELS = 100_000_000
MAX_BYTES = 64 * 2**20

# Pillow's formats that are pictures of the web: others (EPS, PDF …) start programs or have no pixels.
_SUFFIXES = {
    "JPEG": "jpg",
    "PNG": "png",
    "WEBP": "webp",
    "GIF": "gif",
    "BMP": "bmp",
    "TIFF": "tif",
    "AVIF": "avif",
    "HEIF": "heic",
}
# How files of these formats begin, so that a torn picture is told from a page of text.
_BEGINNINGS = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"II*\0", b"MM\0*")
_BRANDS = frozenset(b"avif heic heix hevc hevx heim heis hevm hevs mif1 msf1".split())  # ISO media: pictures


@dataclass(frozen=True, slots=True)
class Shape:
    width: int  # px, as stored
    height: int
    format: str  # jpeg, png …
    suffix: str  # of a file's name


def inspect(content: bytes) -> Shape:
    """Decode `content`; raises PictureFault `not_an_image`, `too_large` or `truncated`."""
    image = _pillow()
    if len(content) > MAX_BYTES:
        raise PictureFault("too_large", f"{len(content)} bytes; at most {MAX_BYTES} are read")
    try:
        picture = image.open(io.BytesIO(content), formats=list(_SUFFIXES))
    except image.DecompressionBombError as error:
        raise PictureFault("too_large", str(error)) from error
    except Exception as error:  # hostile headers raise anything
        slug = "truncated" if _begins_as_picture(content) else "not_an_image"
        raise PictureFault(slug, _looks_like(content)) from error
    with picture:
        width, height = picture.size
        if width * height > MAX_PIXELS:
            raise PictureFault("too_large", f"{width} x {height} px; at most {MAX_PIXELS} are decoded")
        # MPO is what Pillow calls a JPEG with a second picture behind the first.
        name = "JPEG" if picture.format == "MPO" else str(picture.format)
        shape = Shape(width, height, name.lower(), _SUFFIXES[name])
        try:
            # A JPEG at an eighth of its size: the whole stream is still read, most arithmetic is not done.
            picture.draft(None, (width // 8 or 1, height // 8 or 1))
            picture.load()
        except Exception as error:  # as above
            raise PictureFault("truncated", " ".join(str(error).split()) or type(error).__name__) from error
    return shape


@functools.cache
def _pillow() -> ModuleType:
    from PIL import Image

    heic.register()
    warnings.filterwarnings("ignore", module=r"PIL\.")  # what it warns of is no more than a row's reason here
    return Image


def _begins_as_picture(content: bytes) -> bool:
    if content.startswith(_BEGINNINGS):
        return True
    if content[4:8] == b"ftyp":
        return content[8:12] in _BRANDS
    return content[:4] == b"RIFF" and content[8:12] == b"WEBP"


def _looks_like(content: bytes) -> str:
    start = content[:512].lstrip().lower()
    if not content:
        return "empty"
    if start.startswith((b"<!doctype html", b"<html")) or b"<head" in start:
        return "an HTML page"
    if content[4:8] == b"ftyp":
        return f"an ISO media file ({content[8:12].decode('ascii', 'replace')})"
    return f"cannot be opened, begins with {content[:16]!r}"

"""From the bytes of a raw picture to RGB pixels, decoded as small as the question allows.

JPEG decodes at 1/2, 1/4 or 1/8 of its size for a fraction of the time; other formats are reduced after
decoding. Which reduction serves a question depends on nothing but the picture and the question, so that
the answer is the same whatever was asked before.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops, ImageCms

from pipeline import heic
from pipeline.curate.arrays import Bytes, resized
from pipeline.errors import PictureFault

heic.register()

WORKING_SIDE = 320  # px: what looks at a whole picture decodes to this at least, so that most decode once
MAX_PIXELS = 100_000_000  # 400 MB once decoded; a picture that claims more is taken for a bomb
_ORIENTATION = 0x0112  # the EXIF tag
_UPRIGHT = {  # what turns a picture of that orientation upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ON_ITS_SIDE = (5, 6, 7, 8)
_SPACES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}  # ICC colour space → mode


class Pixels:
    """One raw picture. `width` and `height` are those after EXIF rotation.

    Raises PictureFault (`undecodable`, `too_large`) for bytes that are not such a picture, OSError where
    the file itself cannot be had.
    """

    def __init__(self, path: Path) -> None:
        self._bytes = path.read_bytes()
        image = self._open()
        self.width, self.height = image.size
        self.weight_bytes = len(self._bytes) + 4 * self.width * self.height  # of the file and all its pixels
        if self.width * self.height > MAX_PIXELS:
            raise PictureFault("too_large", f"{self.width} by {self.height} pixels")
        if _orientation(image) in _ON_ITS_SIDE:
            self.width, self.height = self.height, self.width
        self._first: Image.Image | None = image  # its header is read: the first decoding goes on from there
        self._decoded: dict[int, Image.Image] = {}
        self._fitted: dict[int, Bytes] = {}

    def at(self, scale: float) -> Image.Image:
        """RGB, at `scale` of the raw size or up to twice that; at 1 where more than 1 is asked."""
        divisor = next(divisor for divisor in (8, 4, 2, 1) if divisor == 1 or scale * divisor <= 1)
        if divisor not in self._decoded:
            self._decoded[divisor] = self._decode(divisor)
        return self._decoded[divisor]

    def working(self, scale: float = 0.0) -> Image.Image:
        """The whole picture as most looks share it, or `at` a larger `scale`."""
        return self.at(max(scale, WORKING_SIDE / max(self.width, self.height)))

    def fitted(self, side_px: int) -> Bytes:
        """The whole picture, H × W × RGB, its longer side `side_px`, be it enlarged; both sides are even, for
        such are quickly halved.
        """
        if side_px not in self._fitted:
            scale = side_px / max(self.width, self.height)
            size = (_even(self.width * scale), _even(self.height * scale))
            self._fitted[side_px] = resized(np.asarray(self.working(scale)), size)
        return self._fitted[side_px]

    def inside(self, box: Sequence[float]) -> tuple[int, int, int, int]:
        """`box` (left, top, right, bottom) in whole pixels, cut at the picture's borders."""
        left, top, right, bottom = box
        return (
            max(0, round(left)),
            max(0, round(top)),
            min(self.width, round(right)),
            min(self.height, round(bottom)),
        )

    def _open(self) -> Image.Image:
        try:
            with warnings.catch_warnings():  # of Pillow's own pixel limit; ours is stricter
                warnings.simplefilter("ignore")
                return Image.open(io.BytesIO(self._bytes))
        except Image.DecompressionBombError as error:
            raise PictureFault("too_large", str(error)) from error
        except Exception as error:  # hostile bytes find every exception that a decoder can raise
            raise PictureFault("undecodable", f"{type(error).__name__}: {error}") from error

    def _decode(self, divisor: int) -> Image.Image:
        image, self._first = self._first or self._open(), None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return _rgb(image, divisor)
        except Exception as error:  # as above
            raise PictureFault("undecodable", f"{type(error).__name__}: {error}") from error


def _even(side: float) -> int:
    return max(1, round(side / 2)) * 2


def _rgb(image: Image.Image, divisor: int) -> Image.Image:
    turn = _UPRIGHT.get(_orientation(image))
    full_width = image.width
    image.draft(None, (max(1, image.width // divisor), max(1, image.height // divisor)))
    image.load()
    profile = image.info.get("icc_profile")
    image = _eight_bits_without_alpha(image)
    if divisor > 1 and image.width == full_width:
        image = image.reduce(divisor)
    image = _srgb(image, profile) if profile else image
    image = image if image.mode == "RGB" else image.convert("RGB")
    return image if turn is None else image.transpose(turn)


def _eight_bits_without_alpha(image: Image.Image) -> Image.Image:
    """RGB, L or CMYK; what is transparent becomes white."""
    if image.mode.startswith(("I", "F")):
        return _eight_bits(image)
    if image.has_transparency_data:
        picture = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    if image.mode == "CMYK" and image.format == "JPEG" and "adobe" not in image.info:
        return ImageChops.invert(image)  # Pillow takes every CMYK JPEG for Adobe's, which are inverted
    return image if image.mode in ("RGB", "L", "CMYK") else image.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey of more than eight bits, or floating: its full scale is the least usual one that holds it."""
    values = np.asarray(image).astype(np.float32)
    high = float(values.max())
    full = 65535.0 if ";16" in image.mode else next(top for top in (1.0, 255.0, 65535.0, high) if high <= top)
    return Image.fromarray(np.clip(values * (255 / full) + 0.5, 0, 255).astype(np.uint8))


def _orientation(image: Image.Image) -> int:
    if image.format == "TIFF":
        return 1  # Pillow turns these itself
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # EXIF is a format of its own inside: damage there leaves the picture upright
        return 1


def _srgb(image: Image.Image, profile: bytes) -> Image.Image:
    transform = _transform(profile, image.mode)
    return ImageCms.applyTransform(image, transform) or image if transform else image


@lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """None where nothing is to be done: sRGB already, damaged, or of another kind of pixels."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if _SPACES.get(source.profile.xcolor_space) != mode:
            return None
        if "srgb" in ImageCms.getProfileDescription(source).lower():
            return None
        return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None

"""Copies of a picture as they are met: each kind takes a picture and dice, and gives the bytes of a file."""

from __future__ import annotations

import io
import random
from collections.abc import Callable

from PIL import Image, ImageDraw, ImageEnhance, ImageFont, ImageOps

Change = Callable[[Image.Image, random.Random], Image.Image]
Kind = Callable[[Image.Image, random.Random], bytes]

_WORDS = ("(c) A. Painter 2026", "stock photo", "www.example.org", "GALLERY 24", "sample")


def jpeg(picture: Image.Image, quality: int = 90) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def webp(picture: Image.Image, _: random.Random) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=60)
    return buffer.getvalue()


def scaled(factor: float) -> Change:
    def change(picture: Image.Image, _: random.Random) -> Image.Image:
        size = max(1, round(picture.width * factor)), max(1, round(picture.height * factor))
        return picture.resize(size, Image.Resampling.LANCZOS)

    return change


def light(low: float, high: float) -> Change:
    return lambda picture, dice: ImageEnhance.Brightness(picture).enhance(dice.uniform(low, high))


def contrast(low: float, high: float) -> Change:
    return lambda picture, dice: ImageEnhance.Contrast(picture).enhance(dice.uniform(low, high))


def cropped(share: float) -> Change:
    """`share` of the width and of the height cut off, each at one end or divided between both."""

    def change(picture: Image.Image, dice: random.Random) -> Image.Image:
        x, y = picture.width * share, picture.height * share
        left, top = x * dice.choice((0, 1, dice.random())), y * dice.choice((0, 1, dice.random()))
        box = left, top, picture.width - x + left, picture.height - y + top
        return picture.crop(tuple(map(round, box)))

    return change


def one_side(share: float) -> Change:
    def change(picture: Image.Image, dice: random.Random) -> Image.Image:
        box = [0, 0, picture.width, picture.height]
        side = dice.randrange(4)
        box[side] += round((1 if side < 2 else -1) * share * (picture.width, picture.height)[side % 2])
        return picture.crop(tuple(box))

    return change


def framed(x: float, y: float) -> Change:
    """A border of one colour: `x` of the width left and right, `y` of the height above and below."""

    def change(picture: Image.Image, dice: random.Random) -> Image.Image:
        colour = dice.choice(["white", "black", tuple(dice.randrange(256) for _ in range(3))])
        left, top = round(picture.width * x), round(picture.height * y)
        return ImageOps.expand(picture, (left, top, left, top), colour)

    return change


def watermarked(opacity: float) -> Change:
    """A line of white or black text, or a box with the text cut out, over at most 5 % of the area."""

    def change(picture: Image.Image, dice: random.Random) -> Image.Image:
        font = ImageFont.load_default(40)
        words = dice.choice(_WORDS)
        left, top, right, bottom = font.getbbox(words)
        stamp = Image.new("L", (int(right - left) + 8, int(bottom - top) + 8), 0)
        box = dice.random() < 0.3
        ImageDraw.Draw(stamp).text((4 - left, 4 - top), words, 255, font)
        if box:
            stamp = ImageOps.invert(stamp)
        area = dice.uniform(0.02, 0.05) * picture.width * picture.height
        width = min(picture.width * 0.9, (area * stamp.width / stamp.height) ** 0.5)
        size = max(1, round(width)), max(1, round(width * stamp.height / stamp.width))
        stamp = stamp.resize(size, Image.Resampling.BILINEAR).point(lambda value: round(value * opacity))
        x = round(dice.uniform(0, picture.width - size[0]))
        y = round(
            dice.choice((dice.uniform(0, 0.12), dice.uniform(0.88, 1), dice.random()))
            * (picture.height - size[1])
        )
        marked = picture.copy()
        marked.paste(dice.choice(("white", "black")), (x, y), stamp)
        return marked

    return change


def logo(picture: Image.Image, dice: random.Random) -> Image.Image:
    """An opaque disc with a letter in a corner, 3 % of the area."""
    side = round((0.03 * picture.width * picture.height) ** 0.5)
    mark = Image.new("RGB", (200, 200), tuple(dice.randrange(256) for _ in range(3)))
    ImageDraw.Draw(mark).text((40, 0), dice.choice("ABRS"), "white", ImageFont.load_default(160))
    mask = Image.new("L", (200, 200), 0)
    ImageDraw.Draw(mask).ellipse((0, 0, 199, 199), 255)
    gap = round(0.02 * min(picture.size))
    at = dice.choice((gap, picture.width - side - gap)), dice.choice((gap, picture.height - side - gap))
    marked = picture.copy()
    marked.paste(mark.resize((side, side)), at, mask.resize((side, side)))
    return marked


def mirrored(picture: Image.Image, _: random.Random) -> Image.Image:
    return ImageOps.mirror(picture)


def grey(picture: Image.Image, _: random.Random) -> Image.Image:
    return picture.convert("L").convert("RGB")


def then(*changes: Change, quality: int = 90) -> Kind:
    def kind(picture: Image.Image, dice: random.Random) -> bytes:
        for change in changes:
            picture = change(picture, dice)
        return jpeg(picture, quality)

    return kind


KINDS: dict[str, Kind] = {
    "jpeg 40": then(quality=40),
    "webp 60": webp,
    "half": then(scaled(0.5)),
    "double": then(scaled(2)),
    "brighter": then(light(1.1, 1.25)),
    "darker": then(light(0.75, 0.9)),
    "contrast": then(contrast(0.75, 1.25)),
    "crop 5 %": then(cropped(0.05)),
    "crop 10 % one side": then(one_side(0.10)),
    "crop 10 % both ways": then(cropped(0.10)),
    "frame 5 %": then(framed(0.05, 0.05)),
    "frame 15 %": then(framed(0.15, 0.15)),
    "letterbox": then(framed(0, 0.12)),
    "pillarbox": then(framed(0.12, 0)),
    "watermark 40 %": then(watermarked(0.4)),
    "watermark opaque": then(watermarked(1.0)),
    "logo": then(logo),
    "mirror": then(mirrored),
    "grey": then(grey),
    "small light jpeg": then(scaled(0.6), light(0.85, 1.2), quality=50),
    "crop jpeg": then(cropped(0.06), quality=50),
    "mirror crop": then(mirrored, cropped(0.05), quality=70),
    "frame small": then(framed(0.08, 0.08), scaled(0.7), quality=60),
    "mark mirror": then(watermarked(0.6), mirrored, quality=75),
}

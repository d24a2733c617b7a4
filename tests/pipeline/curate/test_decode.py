"""Whatever acquisition let through becomes upright RGB pixels, or a fault with a name."""

from __future__ import annotations

import io
import struct
import zlib

import cv2
import numpy as np
import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageCms

from pipeline.curate.decode import Pixels
from pipeline.errors import PictureFault
from tests.pipeline.curate.conftest import drawn, encoded


@pytest.fixture
def decode(tmp_path):
    def decoded(content: bytes) -> Pixels:
        path = tmp_path / "picture"
        path.write_bytes(content)
        return Pixels(path)

    return decoded


def colour(picture: Image.Image, x: int = 2, y: int = 2) -> np.ndarray:
    return np.asarray(picture.convert("RGB"), int)[y, x]


def difference(one: Image.Image, other: Image.Image) -> float:
    assert one.size == other.size
    return float(np.abs(np.asarray(one, float) - np.asarray(other.convert("RGB"), float)).mean())


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_every_orientation_ends_upright(decode, orientation, kind):
    upright = drawn(1, (96, 64))
    undo = {
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_90],
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_270],
    }
    stored = upright
    for turn in undo.get(orientation, []):
        stored = stored.transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = decode(encoded(stored, kind, exif=exif.tobytes()))  # HEIC and AVIF have a box for it
    assert (pixels.width, pixels.height) == (96, 64)
    assert difference(pixels.at(1), upright) < 8


def test_what_is_transparent_becomes_white(decode):
    picture = Image.new("RGBA", (20, 20), (255, 0, 0, 0))
    picture.paste((0, 0, 255, 255), (10, 0, 20, 20))
    grey = Image.new("LA", (20, 20), (0, 0))
    palette = Image.new("P", (20, 20), 1)
    palette.putpalette([255, 0, 0, 0, 255, 0])
    red = Image.new("RGB", (20, 20), (255, 0, 0))
    for content in (
        encoded(picture, "PNG"),
        encoded(picture, "WEBP", lossless=True),
        encoded(picture, "AVIF", quality=100),
        encoded(picture, "HEIF", quality=-1, chroma=444),
        encoded(grey, "PNG"),
        encoded(palette, "PNG", transparency=1),
        encoded(palette, "GIF", transparency=1),
        encoded(red, "PNG", transparency=(255, 0, 0)),
    ):
        assert colour(decode(content).at(1)).tolist() == [255, 255, 255]
    assert colour(decode(encoded(picture, "PNG")).at(1), 15).tolist() == [0, 0, 255]


def test_half_transparent_pixels_are_mixed_with_white(decode):
    picture = Image.new("RGBA", (20, 20), (0, 0, 0, 128))
    assert np.abs(colour(decode(encoded(picture, "PNG")).at(1)) - 127).max() <= 1


MODES = {
    "1": Image.new("1", (20, 20), 1),
    "L": Image.new("L", (20, 20), 128),
    "P": Image.new("RGB", (20, 20), (128, 128, 128)).quantize(4),
    "I;16": Image.fromarray(np.full((20, 20), 0x8080, np.uint16)),
    "I": Image.fromarray(np.full((20, 20), 128, np.int32)),
    "F": Image.fromarray(np.full((20, 20), 128 / 255, np.float32)),
    "YCbCr": Image.new("RGB", (20, 20), (128, 128, 128)).convert("YCbCr"),
}


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_becomes_rgb_of_the_same_brightness(decode, mode):
    picture = decode(encoded(MODES[mode], "TIFF" if mode in ("I", "F", "YCbCr") else "PNG")).at(1)
    assert picture.mode == "RGB"
    assert np.abs(colour(picture) - (255 if mode == "1" else 128)).max() <= 1


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_colours_of_sixteen_bits_keep_their_brightness(decode, suffix):
    pixels = np.full((20, 20, 3), (0x1010, 0x8080, 0xF0F0), np.uint16)
    picture = decode(cv2.imencode(suffix, pixels)[1].tobytes()).at(1)  # OpenCV has blue first
    assert np.abs(colour(picture) - [0xF0, 0x80, 0x10]).max() <= 1


def test_heic_of_more_than_eight_bits_keeps_its_brightness(decode):
    pixels = np.full((20, 20, 3), (0x1010, 0x8080, 0xF0F0), np.uint16)
    buffer = io.BytesIO()
    pillow_heif.from_bytes("RGB;16", (20, 20), pixels.tobytes()).save(buffer, quality=95)
    assert np.abs(colour(decode(buffer.getvalue()).at(1)) - [0x10, 0x80, 0xF0]).max() <= 3


def test_heic_in_tiles_as_telephones_write_it_is_put_together(decode):
    whole = drawn(7, (300, 260))
    pixels = decode(encoded(whole, "HEIF", tile_size=128))
    assert (pixels.width, pixels.height) == (300, 260)
    assert difference(pixels.at(1), whole) < 4


def test_heic_that_decodes_to_more_than_it_says_is_refused(decode):
    """What Pillow knows of the size before decoding is the header's word."""
    content = encoded(drawn(1, (320, 240)), "HEIF")
    at = content.index(b"ispe") + 8
    assert content[at : at + 8] == struct.pack(">II", 320, 240)
    bomb = content[:at] + struct.pack(">II", 32, 24) + content[at + 8 :]
    with pytest.raises(PictureFault, match="undecodable"):
        decode(bomb).at(1)


def test_cmyk_is_read_with_and_without_the_adobe_marker(decode):
    red = Image.new("CMYK", (32, 32), (0, 255, 255, 0))
    marked = encoded(red, "JPEG", quality=95)
    assert b"Adobe" in marked
    assert np.abs(colour(decode(marked).at(1)) - [255, 0, 0]).max() < 12
    # Without the marker the inks count as they are, not inverted.
    inverted = encoded(ImageChops.invert(red), "JPEG", quality=95)
    start = inverted.index(b"\xff\xee")
    length = struct.unpack(">H", inverted[start + 2 : start + 4])[0]
    unmarked = inverted[:start] + inverted[start + 2 + length :]
    assert np.abs(colour(decode(unmarked).at(1)) - [255, 0, 0]).max() < 12


def test_an_embedded_profile_is_converted_to_srgb(decode):
    lab = ImageCms.createProfile("LAB")
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    # The same profile with red and blue primaries exchanged: as far from sRGB as can be told by eye.
    exchanged = bytearray(srgb)
    tags = {srgb[at : at + 4]: at for at in range(132, 132 + 12 * srgb[131], 12)}
    red, blue = tags[b"rXYZ"], tags[b"bXYZ"]
    exchanged[red + 4 : red + 12], exchanged[blue + 4 : blue + 12] = (
        srgb[blue + 4 : blue + 12],
        srgb[red + 4 : red + 12],
    )
    exchanged = exchanged.replace("sRGB".encode("utf-16-be"), "xRGB".encode("utf-16-be")).replace(
        b"sRGB", b"xRGB"
    )
    picture = Image.new("RGB", (20, 20), (250, 10, 10))
    plain = colour(decode(encoded(picture, "PNG", icc_profile=srgb)).at(1))
    turned = colour(decode(encoded(picture, "PNG", icc_profile=bytes(exchanged))).at(1))
    assert plain.tolist() == [250, 10, 10]
    assert turned[2] > 200
    assert turned[0] < 60
    for useless in (b"no profile", ImageCms.ImageCmsProfile(lab).tobytes()):
        assert colour(decode(encoded(picture, "PNG", icc_profile=useless)).at(1)).tolist() == [250, 10, 10]


def test_an_animation_gives_its_first_frame(decode):
    first, second = Image.new("RGB", (20, 20), "red"), Image.new("RGB", (20, 20), "blue")
    content = encoded(first, "GIF", save_all=True, append_images=[second])
    assert colour(decode(content).at(1)).tolist() == [255, 0, 0]


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_no_more_is_decoded_than_asked_for_and_never_less(decode, kind):
    pixels = decode(encoded(drawn(3, (1003, 777)), kind))
    for scale in (1.0, 0.6, 0.5, 0.3, 0.13, 0.01):
        picture = pixels.at(scale)
        assert picture.width >= 1003 * scale
        assert picture.width <= max(2 * 1003 * scale, 1003 / 8) + 1
    assert pixels.fitted(160).shape == (124, 160, 3)


def test_a_scale_gives_the_same_pixels_whatever_was_asked_before(decode):
    content = encoded(drawn(4, (900, 600)))
    fresh = decode(content)
    used = decode(content)
    used.at(1), used.at(0.1), used.fitted(64)
    assert used.working().tobytes() == fresh.working().tobytes()


def png_bomb(side: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("content", "slug"),
    [
        (b"", "undecodable"),
        (b"just text", "undecodable"),
        (encoded(drawn(1))[:900], "undecodable"),
        (encoded(drawn(1), "PNG")[:900], "undecodable"),
        (png_bomb(30_000), "too_large"),
        (png_bomb(11_000), "too_large"),
        (png_bomb(100), "undecodable"),
    ],
    ids=["empty", "text", "cut jpeg", "cut png", "bomb", "small bomb", "no pixels"],
)
def test_what_is_no_picture_has_a_reason(decode, content, slug):
    with pytest.raises(PictureFault) as fault:
        decode(content).at(1)
    assert fault.value.slug == slug


@settings(max_examples=60, deadline=5000)
@given(st.data())
def test_damaged_bytes_are_a_picture_or_a_fault_and_nothing_else(tmp_path_factory, data):
    kind = data.draw(st.sampled_from(["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "AVIF", "HEIF"]))
    content = bytearray(encoded(drawn(5, (60, 40)), kind))
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path = tmp_path_factory.mktemp("damaged") / "picture"
    path.write_bytes(bytes(content[: data.draw(st.integers(0, len(content)))]))
    try:
        picture = Pixels(path).working()
    except PictureFault:
        return
    assert picture.mode == "RGB"


def test_a_missing_file_is_not_taken_for_a_broken_picture(tmp_path):
    with pytest.raises(OSError, match="none"):
        Pixels(tmp_path / "none")


def test_progressive_and_grey_jpegs_reduce_too(decode):
    for how in ({"progressive": True}, {}):
        buffer = io.BytesIO()
        (drawn(6, (800, 400)) if how else drawn(6, (800, 400)).convert("L")).save(buffer, "JPEG", **how)
        assert decode(buffer.getvalue()).at(0.25).size == (200, 100)

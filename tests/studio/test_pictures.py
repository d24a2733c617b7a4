"""Pictures for a page: small, upright, on white, and never worth a crash."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from studio import pictures


def decoded(embedded: pictures.Embedded) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(embedded.uri.partition(",")[2])))


def test_a_thumbnail_stands_upright_and_knows_its_scale(tmp_path):
    lying = Image.new("RGB", (400, 200), "blue")
    lying.paste("red", (0, 0, 200, 200))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: left becomes top
    lying.save(tmp_path / "a.jpg", exif=exif)

    small = pictures.thumbnail(tmp_path / "a.jpg", 100)
    assert (small.width, small.height, small.scale) == (50, 100, 0.25)
    top, bottom = (decoded(small).convert("RGB").getpixel((25, y)) for y in (20, 80))
    assert top[0] > 200 > 50 > top[2]
    assert bottom[2] > 200 > 50 > bottom[0]


def test_what_is_transparent_lies_on_white(tmp_path):
    Image.new("RGBA", (64, 64), (0, 0, 0, 0)).save(tmp_path / "a.png")
    assert min(decoded(pictures.thumbnail(tmp_path / "a.png", 64)).convert("RGB").getpixel((32, 32))) > 250


@pytest.mark.parametrize("mode", ["1", "L", "P", "I;16", "CMYK", "LA"])
def test_every_kind_of_picture_gets_a_thumbnail(tmp_path, mode):
    Image.new(mode, (64, 48)).save(tmp_path / "a.tiff")
    assert pictures.thumbnail(tmp_path / "a.tiff", 32).width == 32


@pytest.mark.parametrize("content", [b"", b"<html>", b"GIF89a", b"\x89PNG\r\n\x1a\n" + bytes(64)])
def test_what_is_no_picture_gives_none(tmp_path, content):
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    assert pictures.thumbnail(path, 32) is None
    assert pictures.animation(path) is None
    assert pictures.sheet([path], columns=4, tile=32) is None


def test_a_picture_too_large_to_decode_is_not_decoded(tmp_path):
    Image.new("1", (8_000, 8_000)).save(tmp_path / "bomb.png")
    assert pictures.thumbnail(tmp_path / "bomb.png", 32) is None


def test_a_sheet_leaves_out_what_cannot_be_read(tmp_path):
    paths = [tmp_path / f"{number}.png" for number in range(5)]
    for path in paths[:4]:
        Image.new("RGB", (64, 64), "teal").save(path)
    sheet = pictures.sheet(paths, columns=3, tile=32)
    assert (sheet.width, sheet.height) == (3 * 32 + 2 * pictures.GAP, 2 * 32 + pictures.GAP)


def test_a_film_keeps_its_first_and_last_frame_and_its_budget(tmp_path):
    random = np.random.default_rng(0)
    noise = [Image.fromarray(random.integers(0, 256, (300, 300, 3), np.uint8)) for _ in range(8)]
    frames = [Image.new("RGB", (300, 300), "red"), *noise, Image.new("RGB", (300, 300), "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])

    film = pictures.animation(tmp_path / "a.gif")
    assert len(film.uri) < 1.4 * pictures.ANIMATION_BYTES
    shown = decoded(film)
    assert shown.n_frames == 10
    for frame, channel in ((0, 0), (shown.n_frames - 1, 2)):
        shown.seek(frame)
        assert shown.convert("RGB").getpixel((50, 50))[channel] > 200


@given(total=st.integers(0, 500), most=st.integers(1, 50))
def test_evenly_chosen_indices_are_within_few_and_different(total, most):
    chosen = pictures.evenly(total, most)
    assert len(chosen) == min(total, most)
    assert chosen == sorted(set(chosen))
    assert all(0 <= index < total for index in chosen)
    if total:
        assert chosen[-1] == total - 1

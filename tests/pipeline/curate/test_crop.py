"""Squares hold what they should, invent nothing, squash nothing."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from pipeline.curate.config import CurateConfig
from pipeline.curate.crop import Square, around, cut, whole
from pipeline.curate.decode import Pixels
from pipeline.curate.faces import Face, by_prominence
from pipeline.curate.saliency import focuses
from tests.pipeline.curate.conftest import encoded


def sized(size: int, margin: float = 0.4, **keys) -> CurateConfig:
    return CurateConfig(size=size, margin=margin, **keys)


@st.composite
def faces(draw):
    width, height = draw(st.integers(20, 3000)), draw(st.integers(20, 3000))
    left, top = draw(st.integers(0, width - 2)), draw(st.integers(0, height - 2))
    right, bottom = draw(st.integers(left + 1, width)), draw(st.integers(top + 1, height))
    return Face(left, top, right, bottom), width, height


@given(faces(), st.floats(0, 2), st.sampled_from([16, 64, 256]))
def test_a_face_square_lies_in_the_picture_and_is_never_enlarged(arrangement, margin, size):
    face, width, height = arrangement
    square = around(face, sized(size, margin), width, height)
    if square is None:
        assert min(width, height) < size or 2 * round(face.side * (1 + 2 * margin)) < size
        return
    left, top, right, bottom = square.box
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height
    assert right - left == bottom - top >= size


@given(faces(), st.floats(0, 2))
def test_a_face_square_holds_the_whole_face_where_it_fits(arrangement, margin):
    face, width, height = arrangement
    square = around(face, sized(16, margin), width, height)
    if square is not None and face.side <= min(width, height):
        left, top, right, bottom = square.box
        assert left <= face.left
        assert top <= face.top
        assert face.right <= right
        assert face.bottom <= bottom


def test_the_margin_is_added_on_each_side():
    assert around(Face(400, 400, 500, 500), sized(64), 1000, 1000) == Square(360, 360, 180)


def test_a_small_face_gets_surroundings_instead_of_being_enlarged():
    assert around(Face(90, 90, 110, 110), sized(64), 200, 200) == Square(68, 68, 64)
    assert around(Face(95, 95, 105, 105), sized(64), 200, 200) is None


def test_squares_too_small_to_fill_are_refused():
    middle, padded = CurateConfig(crop="center"), CurateConfig(crop="pad")
    assert whole(middle, 63, 100, None) is None
    assert whole(middle, 64, 100, None) == Square(0, 18, 64)
    assert whole(padded, 64, 100, None) == Square(-18, 0, 100)
    assert whole(CurateConfig(crop="center", upscale=True), 63, 100, None) == Square(0, 18, 63)


def test_enlarging_is_asked_for():
    tiny = Face(95, 95, 105, 105)
    assert around(tiny, sized(64, upscale=True), 200, 200) == Square(91, 91, 18)


def test_gravity_moves_the_square_along_the_longer_side_alone():
    told = CurateConfig(crop="center", gravity="saliency")
    assert whole(told, 300, 100, 0.25) == Square(50, 0, 100)
    assert whole(told, 100, 300, 1.0) == Square(0, 200, 100)
    assert whole(CurateConfig(crop="center"), 300, 100, 0.25) == Square(100, 0, 100)
    assert whole(CurateConfig(crop="pad", gravity="saliency"), 300, 100, 0.25) == Square(0, -100, 300)


@pytest.mark.parametrize(("place", "share"), [(40, 0.0), (200, 0.5), (360, 1.0)])
@pytest.mark.parametrize("upright", [False, True])
def test_focus_is_where_something_stands_out(place, share, upright):
    picture = Image.new("RGB", (400, 100), (90, 120, 90))
    ImageDraw.Draw(picture).ellipse((place - 30, 20, place + 30, 80), (220, 40, 40))
    picture = picture.transpose(Image.Transpose.ROTATE_270) if upright else picture
    assert abs(focus(picture) - share) <= 0.12


def test_where_nothing_stands_out_the_middle_is_taken():
    assert focus(Image.new("RGB", (400, 100), "grey")) == 0.5
    assert focus(Image.new("RGB", (100, 100), "grey")) == 0.5


def focus(picture: Image.Image) -> float:
    small = np.asarray(picture.resize((32, 32), Image.Resampling.BOX))
    return focuses(small[None], [picture.size])[0]


def tilted(angle: float) -> Face:
    """A face of 100 px about (200, 150), its head tilted by `angle` degrees, clockwise."""
    return Face(150, 100, 250, 200, 0.9, tilt=angle)


@pytest.mark.parametrize(("angle", "turned"), [(0.5, 0.0), (20.0, 20.0), (-33.3, -33.3), (40.0, 0.0)])
def test_the_square_is_turned_as_the_eyes_are(angle, turned):
    assert around(tilted(angle), sized(64, align=True), 400, 300).angle == turned
    assert around(tilted(angle), sized(64), 400, 300).angle == 0


@given(faces(), st.floats(0, 1), st.floats(-60, 60))
def test_a_turned_square_lies_in_the_picture(arrangement, margin, angle):
    face, width, height = arrangement
    face = dataclasses.replace(face, tilt=angle)
    square = around(face, sized(16, margin, align=True), width, height)
    if square is not None:
        reach = square.side * square.spread / 2
        x, y = square.left + square.side / 2, square.top + square.side / 2
        assert x - reach >= -1
        assert x + reach <= width + 1
        assert y - reach >= -1
        assert y + reach <= height + 1


def test_a_padded_face_square_keeps_its_face_in_the_middle():
    assert around(Face(0, 0, 100, 100), sized(64, border="pad"), 400, 300) == Square(-40, -40, 180)


@pytest.mark.parametrize("angle", [-33.0, 7.0, 25.0])
@pytest.mark.parametrize("size", [64, 256])
def test_a_turned_square_shows_the_eyes_level(tmp_path, angle, size):
    """A bar that falls by `angle` lies level in the crop, in its middle, as long as it should be."""
    picture = Image.new("RGB", (400, 300), (20, 40, 160))
    x, y = 60 * math.cos(math.radians(angle)), 60 * math.sin(math.radians(angle))
    ImageDraw.Draw(picture).line((200 - x, 150 - y, 200 + x, 150 + y), "white", 12)
    path = tmp_path / "bar.png"
    path.write_bytes(encoded(picture, "PNG"))
    square = around(tilted(angle), sized(size, align=True, upscale=True), 400, 300)
    crop = np.asarray(cut(Pixels(path), square, sized(size, align=True)).convert("L"), float) > 140
    rows, columns = np.flatnonzero(crop.any(1)), np.flatnonzero(crop.any(0))
    scale = size / square.side
    assert abs((np.ptp(rows) + 1) - 12 * scale) <= 3 * max(1, scale)
    assert abs((np.ptp(columns) + 1) - 120 * scale) <= 3 * max(1, scale)
    assert abs(rows.mean() + 0.5 - (150 - square.top) * scale) <= 1.5
    assert abs(columns.mean() + 0.5 - (200 - square.left) * scale) <= 1.5


def test_padding_takes_the_colour_that_was_asked_for(disc):
    values = np.asarray(cut(disc, Square(0, -100, 400), sized(64, pad_color="#ff8000")), int)
    assert values[0, 0].tolist() == [255, 128, 0]


@pytest.fixture
def disc(tmp_path):
    """A white disc of 100 px on blue, in a wide JPEG."""
    picture = Image.new("RGB", (400, 200), (20, 40, 160))
    ImageDraw.Draw(picture).ellipse((150, 50, 249, 149), "white")
    path = tmp_path / "disc.jpg"
    path.write_bytes(encoded(picture, quality=95))
    return Pixels(path)


@pytest.mark.parametrize("square", [Square(100, 0, 200), Square(0, -100, 400), Square(120, 20, 160)])
@pytest.mark.parametrize("size", [16, 64, 128])
def test_a_disc_stays_a_disc(disc, square, size):
    picture = cut(disc, square, sized(size))
    assert picture.size == (size, size)
    white = np.asarray(picture.convert("L"), float) > 160
    rows, columns = np.flatnonzero(white.any(1)), np.flatnonzero(white.any(0))
    expected = 100 * size / square.side
    assert abs(np.ptp(rows) + 1 - expected) <= 1.5
    assert abs(np.ptp(columns) + 1 - expected) <= 1.5
    assert abs(columns.mean() + 0.5 - (200 - square.left) * size / square.side) <= 1


def test_padding_takes_the_colour_of_the_border(disc):
    values = np.asarray(cut(disc, Square(0, -100, 400), sized(64)), int)
    assert np.abs(values[[0, 10, 50, 63]] - [20, 40, 160]).max() <= 6
    assert np.abs(values[32, 32] - 255).max() <= 6


def test_the_most_prominent_face_is_large_and_central():
    middle, corner = Face(450, 450, 550, 550), Face(0, 0, 110, 110)
    huge, twin = Face(0, 0, 300, 300), Face(450, 450, 550, 550, 0.5)
    assert by_prominence([corner, middle], 1000, 1000) == [middle, corner]
    assert by_prominence([middle, huge], 1000, 1000) == [huge, middle]
    assert by_prominence([twin, middle], 1000, 1000) == [twin, middle]

"""Squares hold what they should, invent nothing, squash nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from pipeline.curate.crop import Square, around, centred, cut
from pipeline.curate.decode import Pixels
from pipeline.curate.faces import Face, by_prominence
from tests.pipeline.curate.conftest import encoded


@st.composite
def faces(draw):
    width, height = draw(st.integers(20, 3000)), draw(st.integers(20, 3000))
    left, top = draw(st.integers(0, width - 2)), draw(st.integers(0, height - 2))
    right, bottom = draw(st.integers(left + 1, width)), draw(st.integers(top + 1, height))
    return Face(left, top, right, bottom), width, height


@given(faces(), st.floats(0, 2), st.sampled_from([16, 64, 256]))
def test_a_face_square_lies_in_the_picture_and_is_never_enlarged(arrangement, margin, size):
    face, width, height = arrangement
    square = around(face, margin, size, width, height)
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
    square = around(face, margin, 1, width, height)
    if square is not None and face.side <= min(width, height):
        left, top, right, bottom = square.box
        assert left <= face.left
        assert top <= face.top
        assert face.right <= right
        assert face.bottom <= bottom


def test_the_margin_is_added_on_each_side():
    assert around(Face(400, 400, 500, 500), 0.4, 64, 1000, 1000) == Square(360, 360, 180)


def test_a_small_face_gets_surroundings_instead_of_being_enlarged():
    assert around(Face(90, 90, 110, 110), 0.4, 64, 200, 200) == Square(68, 68, 64)
    assert around(Face(95, 95, 105, 105), 0.4, 64, 200, 200) is None


def test_squares_too_small_to_fill_are_refused():
    assert centred(63, 64, 63, 100) is None
    assert centred(64, 64, 64, 100) == Square(0, 18, 64)
    assert centred(100, 64, 64, 100) == Square(-18, 0, 100)


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
    picture = cut(disc, square, size)
    assert picture.size == (size, size)
    white = np.asarray(picture.convert("L"), float) > 160
    rows, columns = np.flatnonzero(white.any(1)), np.flatnonzero(white.any(0))
    expected = 100 * size / square.side
    assert abs(np.ptp(rows) + 1 - expected) <= 1.5
    assert abs(np.ptp(columns) + 1 - expected) <= 1.5
    assert abs(columns.mean() + 0.5 - (200 - square.left) * size / square.side) <= 1


def test_padding_takes_the_colour_of_the_border(disc):
    values = np.asarray(cut(disc, Square(0, -100, 400), 64), int)
    assert np.abs(values[[0, 10, 50, 63]] - [20, 40, 160]).max() <= 6
    assert np.abs(values[32, 32] - 255).max() <= 6


def test_the_most_prominent_face_is_large_and_central():
    middle, corner = Face(450, 450, 550, 550), Face(0, 0, 110, 110)
    huge, twin = Face(0, 0, 300, 300), Face(450, 450, 550, 550, 0.5)
    assert by_prominence([corner, middle], 1000, 1000) == [middle, corner]
    assert by_prominence([middle, huge], 1000, 1000) == [huge, middle]
    assert by_prominence([twin, middle], 1000, 1000) == [twin, middle]

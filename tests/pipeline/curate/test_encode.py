"""Squares as files: any decoder reads what was cut."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.curate.encode import encoded
from tests.pipeline.curate.conftest import drawn, face_photo


@settings(max_examples=60, deadline=None)
@given(
    width=st.integers(1, 40),
    height=st.integers(1, 40),
    mode=st.sampled_from(["RGB", "L"]),
    seed=st.integers(0),
)
def test_a_png_holds_every_pixel(width, height, mode, seed):
    shape = (height, width, 3) if mode == "RGB" else (height, width)
    dice = np.random.default_rng(seed)
    pixels = dice.integers(0, dice.integers(1, 257), shape, np.uint8)
    content = encoded(Image.fromarray(pixels), "png")
    with Image.open(io.BytesIO(content)) as found:
        found.load()
        assert (found.format, found.mode) == ("PNG", mode)
        assert (np.asarray(found) == pixels).all()
    seen = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    assert (
        seen.reshape(shape)[..., ::-1] == pixels if mode == "RGB" else seen.reshape(shape) == pixels
    ).all()


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_png_of_a_photograph_is_hardly_larger_than_pillows(mode):
    with Image.open(face_photo()) as photo:
        picture = photo.convert(mode).resize((128, 128), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    assert len(encoded(picture, "png")) < 1.1 * len(buffer.getvalue())


def test_webp_loses_nothing_and_jpeg_little():
    picture = drawn(6, (64, 64))
    with Image.open(io.BytesIO(encoded(picture, "webp"))) as found:
        assert (np.asarray(found.convert("RGB")) == np.asarray(picture)).all()
    with Image.open(io.BytesIO(encoded(picture, "jpeg"))) as found:
        assert np.abs(np.asarray(found, int) - np.asarray(picture, int)).mean() < 4

"""Pictures as arrays: what is computed quickly is what it is called."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageOps

from pipeline.curate.arrays import luma, resized
from pipeline.curate.signature import inside
from tests.pipeline.curate.conftest import drawn


@pytest.mark.parametrize("size", [(160, 120), (100, 75), (320, 240), (32, 32), (1, 1), (300, 20), (20, 300)])
def test_a_resized_picture_keeps_its_light_wherever_it_was(size):
    picture = np.asarray(drawn(1, (200, 150)))
    found = resized(picture, size)
    assert found.shape == (size[1], size[0], 3)
    assert found.mean(axis=(0, 1)) == pytest.approx(picture.mean(axis=(0, 1)), abs=3)
    if min(size) > 1:
        left, right = (half.mean() for half in np.split(found[:, : size[0] // 2 * 2], 2, axis=1))
        was_left, was_right = (half.mean() for half in np.split(picture, 2, axis=1))
        assert (left, right) == pytest.approx((was_left, was_right), abs=4)


def test_no_pixel_is_passed_over_where_a_picture_is_reduced():
    dots = np.zeros((200, 200, 3), np.uint8)
    dots[::10, ::10] = 255  # 1 % of it
    for side in (199, 160, 120, 101, 100, 60, 20):
        assert resized(dots, (side, side)).mean() == pytest.approx(2.55, abs=0.6)


@pytest.mark.parametrize("rows", [2, 3, 20])
@pytest.mark.parametrize("noise", [0, 4])
def test_a_border_is_found_to_the_row_be_it_noisy(rows, noise):
    picture = drawn(3, (160 - 2 * rows, 120 - 2 * rows))
    framed = luma(np.asarray(ImageOps.expand(picture, rows, (70, 90, 140)))).astype(np.float32)
    framed += np.random.default_rng(0).normal(0, noise, framed.shape)
    assert inside(framed.clip(0, 255).astype(np.uint8)) == (rows, rows, 160 - rows, 120 - rows)


def test_a_picture_of_one_colour_has_no_inside():
    assert inside(luma(np.asarray(Image.new("RGB", (60, 40), "teal")))) == (0, 0, 60, 40)

"""Charts hold their lines inside the frame, whatever the numbers are."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio import chart

NUMBERS = st.one_of(st.none(), st.floats(-1e9, 1e9), st.just(math.nan), st.just(math.inf))


@given(values=st.lists(NUMBERS, min_size=1, max_size=600))
def test_every_point_and_tick_lies_in_the_frame(values):
    drawn = chart.draw("Losses", "steps", range(len(values)), [("d", values)])
    if drawn is None:
        assert not any(value is not None and math.isfinite(value) for value in values)
        return
    points = re.findall(r"[ML]([\d.-]+) ([\d.-]+)", drawn.lines[0].path)
    assert 0 < len(points) <= chart.MOST_POINTS
    for x, y in points:
        assert chart.LEFT <= float(x) <= chart.WIDTH - chart.RIGHT
        assert chart.TOP <= float(y) <= chart.HEIGHT - chart.BOTTOM
    assert all(chart.TOP - 0.1 <= tick.at <= chart.HEIGHT - chart.BOTTOM + 0.1 for tick in drawn.y_ticks)
    assert 1 <= len(drawn.y_ticks) <= 8


def test_what_is_measured_now_and_then_is_one_line():
    drawn = chart.draw("KID", "steps", [0, 1, 2, 3, 4], [("KID", [None, 2.0, None, None, 4.0])])
    assert re.fullmatch(r"M[\d.]+ [\d.]+ L[\d.]+ [\d.]+", drawn.lines[0].path)


def test_a_single_measurement_is_a_dot():
    drawn = chart.draw("KID", "steps", [64], [("KID", [2.0])])
    x, y = drawn.lines[0].dot
    assert x == (chart.LEFT + chart.WIDTH - chart.RIGHT) / 2
    assert y == chart.TOP  # zero is at the bottom, and nothing above it
    assert [tick.label for tick in drawn.x_ticks] == ["64"]
    assert chart.draw("KID", "steps", [1, 2], [("KID", [2.0, 2.0])]).lines[0].dot is None


def test_a_series_of_nothing_is_no_line_and_all_nothing_no_chart():
    x, nothing = [0, 1], [None, None]
    drawn = chart.draw("Distance", "steps", x, [("KID", [1.0, 2.0]), ("FID", nothing)])
    assert [line.name for line in drawn.lines] == ["KID"]
    assert chart.draw("Distance", "steps", x, [("KID", nothing)]) is None


def test_long_series_are_averaged_not_cut():
    values = [0.0] * 999 + [1000.0]
    drawn = chart.draw("Losses", "steps", range(1000), [("d", values)])
    assert drawn.lines[0].last == 1000 / 5 * 1  # the mean of the last five


@pytest.mark.parametrize(
    ("high", "labels"),
    [
        (1.3, ["0", "0.5", "1"]),
        (25_600, ["0", "10k", "20k"]),
        (2.4e6, ["0", "0.5M", "1M", "1.5M", "2M"]),
    ],
)
def test_ticks_are_round_numbers_in_one_unit(high, labels):
    drawn = chart.draw("Losses", "steps", [0, 1], [("d", [0.0, high])])
    assert [tick.label for tick in drawn.y_ticks] == labels


def test_the_summary_says_what_the_lines_show():
    drawn = chart.draw("Losses", "pictures seen", [0, 64], [("generator", [1.0, 0.5])])
    assert drawn.summary == "Losses over pictures seen: generator ends at 0.5."

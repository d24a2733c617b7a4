"""Line charts as numbers that a template draws: paths and ticks in the units of one SVG view box."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 640, 280  # of the view box
LEFT, RIGHT, TOP, BOTTOM = 56, 10, 12, 32  # what the labels need
LETTERS = ((1e6, 1e6, "M"), (1e4, 1e3, "k"), (0.0, 1.0, ""))  # from this value on, in units of, called
MOST_POINTS = 240  # per line; more are averaged

Values = Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Tick:
    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    path: str  # of an SVG path element, from one measured point to the next
    last: float
    dot: tuple[float, float] | None  # where the only measured point lies, which makes no line


@dataclass(frozen=True, slots=True)
class Chart:
    title: str
    unit: str  # of the horizontal axis
    lines: Sequence[Line]
    x_ticks: Sequence[Tick]
    y_ticks: Sequence[Tick]

    @property
    def summary(self) -> str:
        """What a reader who cannot see the lines should know."""
        ends = ", ".join(f"{line.name} ends at {line.last:.3g}" for line in self.lines)
        return f"{self.title} over {self.unit}: {ends}."


def draw(title: str, unit: str, x: Sequence[float], series: Iterable[tuple[str, Values]]) -> Chart | None:
    """A chart of the series that hold a number at all; None where none does."""
    means = [(name, _thin(x, values)) for name, values in series]
    told = [(name, points) for name, points in means if any(y is not None for _, y in points)]
    if not told:
        return None
    seen = [y for _, points in told for _, y in points if y is not None]
    x_axis = _Axis(min(x), max(x), LEFT, WIDTH - RIGHT)
    y_axis = _Axis(min(0.0, *seen), max(0.0, *seen), HEIGHT - BOTTOM, TOP)
    lines = [_line(name, points, x_axis, y_axis) for name, points in told]
    return Chart(title, unit, lines, x_axis.ticks(), y_axis.ticks())


def _thin(x: Sequence[float], values: Values) -> list[tuple[float, float | None]]:
    """(x, mean of the values around it); what is not finite counts as missing."""
    width = math.ceil(len(x) / MOST_POINTS) or 1
    return [
        (_mean(x[at : at + width]) or 0.0, _mean(values[at : at + width])) for at in range(0, len(x), width)
    ]


def _mean(values: Values) -> float | None:
    finite = [value for value in values if value is not None and math.isfinite(value)]
    return sum(finite) / len(finite) if finite else None


def _line(name: str, points: Sequence[tuple[float, float | None]], x_axis: _Axis, y_axis: _Axis) -> Line:
    measured = [(x, y) for x, y in points if y is not None]
    places = [f"{x_axis.place(x):.1f} {y_axis.place(y):.1f}" for x, y in measured]
    (x, y), alone = measured[-1], len(measured) == 1
    return Line(name, f"M{' L'.join(places)}", y, (x_axis.place(x), y_axis.place(y)) if alone else None)


@dataclass(frozen=True, slots=True)
class _Axis:
    low: float
    high: float
    start: float  # where `low` lies in the view box
    end: float

    @property
    def span(self) -> float:
        return max(self.high - self.low, 1e-9)

    def place(self, value: float) -> float:
        if self.high == self.low:
            return (self.start + self.end) / 2
        return self.start + (value - self.low) / self.span * (self.end - self.start)

    def ticks(self) -> list[Tick]:
        """Up to six round values between low and high; the one value where there is no more."""
        if self.high == self.low:
            return [Tick(self.place(self.low), _short(self.low, self.high))]
        rough = self.span / 5
        size = 10.0 ** math.floor(math.log10(rough))
        step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= rough)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [Tick(self.place(n * step), _short(n * step, self.high)) for n in range(first, last + 1)]


def _short(value: float, largest: float) -> str:
    """`0.25`, `12`, `40k`, `2.5M`; one letter for a whole axis, by its largest value."""
    size, letter = next((size, letter) for least, size, letter in LETTERS if abs(largest) >= least)
    return f"{round(value / size, 6):g}{letter if value else ''}"

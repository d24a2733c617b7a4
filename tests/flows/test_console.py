"""What is shown while stages run."""

from __future__ import annotations

import pytest

from flows import console
from flows.console import Lines
from models.records import TrainProgress


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_lines_come_every_few_seconds_with_rate_and_time_left_and_once_at_the_end() -> None:
    said: list[str] = []
    clock = Clock()
    with Lines(said.append, clock).stage("fetch cats") as tick:
        for done in range(1001):
            tick(done, 1000)
            clock.now += 1 / 32
    assert said[0] == "fetch cats"
    assert said[1] == "fetch cats: 160 of 1,000 (32/s, 26 s left)"
    assert said[-1] == "fetch cats: 1,000 of 1,000 (32/s)"
    assert len(said) == 8


def test_a_stage_that_goes_on_is_not_credited_with_what_was_there() -> None:
    said: list[str] = []
    clock = Clock()
    with Lines(said.append, clock).stage("train") as tick:
        tick(50_000, 60_000)
        clock.now += 10
        tick(51_000, 60_000)
    assert said[-1] == "train: 51,000 of 60,000 (100/s, 1.5 min left)"


def test_a_terminal_shows_a_bar_with_rate_and_time_left(capsys: pytest.CaptureFixture[str]) -> None:
    with console.Terminal().stage("curate [cats]") as tick:
        for done in range(11):
            tick(done, 10)
    shown = capsys.readouterr().out
    assert "curate [cats]" in shown
    assert "10/10" in shown


def test_training_is_shown_in_pictures_of_as_many_as_it_will_see() -> None:
    ticks: list[tuple[int, int | None]] = []
    said: list[str] = []
    report = console.of_training(lambda done, total: ticks.append((done, total)), said.append)
    report(TrainProgress(0, 0, 0.0, 0.0, None, None))
    report(TrainProgress(100, 6400, 30.0, 0.25, 1.0, 1.0))
    assert ticks == [(0, None), (6400, 25_600)]
    for step in (200, 300):
        report(TrainProgress(step, 6400, 30.0, 0.25, 1.0, 1.0, "mode collapse: all alike"))
    assert said == ["step 200: mode collapse: all alike"]


def test_a_run_bounded_by_minutes_is_shown_in_time() -> None:
    said: list[str] = []
    clock = Clock()
    with Lines(said.append, clock).stage("train cats", timed=True) as tick:
        report = console.of_training(tick, said.append, 12.5)
        for step, share in ((1, 0.0), (2, 0.128), (3, 1.0)):
            report(TrainProgress(step, 64 * step, 1.0, share, None, None))
            clock.now += 6
    assert said == ["train cats", "train cats: 1:36 of 12:30", "train cats: 12:30 of 12:30"]
    assert console.clock(7505) == "2:05:05"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(3.4, "3 s"), (89, "89 s"), (90, "1.5 min"), (241, "4 min"), (3000, "50 min"), (9000, "2.5 h")],
)
def test_durations_are_for_people(seconds: float, text: str) -> None:
    assert console.duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"), [(12, "12 B"), (74_000, "74 kB"), (2.5e6, "2 MB"), (1.25e9, "1.2 GB")]
)
def test_sizes_are_for_people(count: float, text: str) -> None:
    assert console.size(count) == text

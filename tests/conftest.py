"""What every test may use: time that passes only when somebody sleeps."""

from __future__ import annotations

import datetime as dt
import threading

import pytest


class FakeTime:
    """Hand `sleep`, `clock` and `now` in together: a sleep moves all three, and is remembered."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self._passed = 0.0
        self._lock = threading.Lock()

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.slept.append(seconds)
            self._passed += seconds

    def clock(self) -> float:
        return 1000.0 + self._passed

    def now(self) -> dt.datetime:
        return dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=self._passed)


@pytest.fixture
def fake_time() -> FakeTime:
    return FakeTime()

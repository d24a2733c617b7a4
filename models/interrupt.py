"""Ctrl-C and SIGTERM as a question that a loop asks between two steps, so that no step is torn."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_ONE_WISH_S = 1.0


@contextmanager
def asked_to_stop() -> Iterator[Callable[[], bool]]:
    """Yields a function that tells whether somebody asked; whoever asks again is obeyed at once.

    What comes within a second is the same wish: torchrun hands on the Ctrl-C that its terminal sent to all.
    Signals reach the main thread alone: elsewhere the answer is always no.
    """
    asked_at: float | None = None

    def note(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked_at
        if asked_at is not None and time.monotonic() - asked_at > _ONE_WISH_S:
            raise KeyboardInterrupt
        asked_at = asked_at or time.monotonic()

    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: asked_at is not None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

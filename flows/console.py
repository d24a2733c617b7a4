"""What a person sees while stages run: bars with rate and time left on a terminal, plain lines elsewhere."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol

from pipeline.records import Tick

if TYPE_CHECKING:
    from rich.progress import Progress

    from models.records import TrainProgress

LINE_EVERY_S = 5.0  # of one stage, where there is no terminal


class Console(Protocol):
    def say(self, line: str) -> None:
        """One line that stays."""
        ...

    def stage(self, what: str, *, timed: bool = False) -> AbstractContextManager[Tick]:
        """Progress of one stage for as long as the block runs; `timed`: what is counted are seconds."""
        ...


class Terminal:
    """Bars, one per stage; they stay when the stage has ended."""

    def __init__(self) -> None:
        from rich.console import Console as Rich

        self._rich = Rich(highlight=False)

    def say(self, line: str) -> None:
        self._rich.print(line, markup=False, soft_wrap=True)

    @contextmanager
    def stage(self, what: str, *, timed: bool = False) -> Iterator[Tick]:
        with self._progress() as progress:
            bar = progress.add_task(what, total=None, count="", rate="")

            def tick(done: int, total: int | None) -> None:
                speed = None if timed else progress.tasks[0].speed
                rate = f"{speed:,.0f}/s" if speed else ""
                count = _count(done, total, "/", timed=timed)
                progress.update(bar, completed=done, total=total, count=count, rate=rate)

            yield tick

    def _progress(self) -> Progress:
        from rich import progress as rich

        return rich.Progress(
            rich.TextColumn("{task.description}", markup=False),
            rich.BarColumn(),
            rich.TextColumn("{task.fields[count]}"),
            rich.TextColumn("{task.fields[rate]}"),
            rich.TimeRemainingColumn(elapsed_when_finished=True),
            console=self._rich,
        )


class Lines:
    """Plain lines through `write`, at most one every few seconds, for logs and pipes."""

    def __init__(self, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self.say, self._clock = write, clock

    @contextmanager
    def stage(self, what: str, *, timed: bool = False) -> Iterator[Tick]:
        started = last = self._clock()
        first: int | None = None  # a stage that goes on does not begin at 0
        line = ""

        def tick(done: int, total: int | None) -> None:
            nonlocal first, last, line
            now = self._clock()
            first = done if first is None else first
            rate = (done - first) / (now - started) if now > started and not timed else 0.0
            line = f"{what}: {_count(done, total, ' of ', timed=timed)}{_pace(done, total, rate)}"
            if now - last >= LINE_EVERY_S:
                last = now
                self.say(line)
                line = ""

        self.say(what)
        yield tick
        if line:
            self.say(line)


def of_training(
    tick: Tick, say: Callable[[str], None], minutes: float | None = None
) -> Callable[[TrainProgress], None]:
    """Training's progress as pictures seen, of as many as it will have seen; as seconds where it is bounded
    by `minutes`; events once."""
    said = set[str]()

    def on_progress(progress: TrainProgress) -> None:
        seen, fraction = progress.pictures_seen, progress.fraction
        if minutes is not None:
            tick(round(fraction * minutes * 60), round(minutes * 60))
        else:
            tick(seen, round(seen / fraction) if fraction else None)
        if progress.event and progress.event not in said:
            said.add(progress.event)
            say(f"step {progress.step:,}: {progress.event}")

    return on_progress


def current() -> Console | None:
    """The console that `use` set."""
    return _current.get()


@contextmanager
def use(console: Console) -> Iterator[Console]:
    token = _current.set(console)
    try:
        yield console
    finally:
        _current.reset(token)


def show(text: str) -> None:
    """What a command was asked for, on standard output."""
    print(text, flush=True)


def complain(line: str) -> None:
    """Beside what programs read."""
    sys.stderr.write(f"{line}\n")


def show_json(value: object) -> None:
    show(json.dumps(value, indent=1, default=str))


def for_this_terminal() -> Console:
    return Terminal() if sys.stdout.isatty() else Lines(show)


_current: ContextVar[Console | None] = ContextVar("console", default=None)


def _count(done: int, total: int | None, of: str, *, timed: bool) -> str:
    """`12,800 of 57,600`; as time `1:35 of 10:00`."""
    shown = [clock(one) if timed else f"{one:,}" for one in (done, total) if one is not None]
    return of.join(shown)


def _pace(done: int, total: int | None, rate: float) -> str:
    """` (243/s, 3 min left)`."""
    left = (total - done) / rate if total is not None and rate > 0 else 0
    return f" ({rate:,.0f}/s{f', {duration(left)} left' if left >= 1 else ''})" if rate >= 1 else ""


def clock(seconds: int) -> str:
    """`0:45`, `12:05`, `2:00:00`."""
    minutes, rest = divmod(seconds, 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"


def duration(seconds: float) -> str:
    """`45 s`, `1.5 min`, `50 min`, `2.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 600:
        return f"{seconds / 60:.1f}".removesuffix(".0") + " min"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def size(count: float) -> str:
    """`740 kB`, `1.2 GB`."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows as text in columns, the first row being their names."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)

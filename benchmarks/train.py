"""Training against the tutorial: pictures per second, data, logging and checkpoints included on our side.

Also what share of our time is not the steps themselves but what surrounds them: loading, logging, samples,
checkpoints, at the intervals that a recipe has by default (checkpoints twice as often, so that one is among
them). Evaluation is apart, off here.

usage: train.py --baseline PATH/dcgan_baseline.py --pictures DIR [--steps 250] [--turn 5] [--precision auto]
    [--compile]

The baseline is a file with `Baseline(data, batch)` (data: uint8 N x H x W x 3) whose `step()` is one step of
the tutorial's DCGAN; it runs in a process of its own, so that it has nothing of ours. DIR holds pictures of
any size. Ours is `train` with the same network, loss and batch; every few steps the other has its turn, with
a fifth as many, so that both see the same machine.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import torch
from outside import curated, load, machine

from models import data as datasets
from models.config import TrainConfig
from models.gan import Gan
from models.records import TrainProgress
from models.trainer import train

BATCH, NAME = 64, "bench"
WARM_UP = 3  # steps of each that are not counted
OF_OURS = 5  # steps to one of theirs, which have nothing around them that comes seldom


def other(baseline: Path, pictures: np.ndarray, turns: Connection) -> None:
    """The tutorial's process: told how many steps to make, it answers with the seconds that they took."""
    tutorial = load(baseline, "--baseline").Baseline(pictures, BATCH)
    for steps in iter(turns.recv, 0):
        start = time.perf_counter()
        for _ in range(steps):
            tutorial.step()
        turns.send(time.perf_counter() - start)


class Turns:
    """Counts our time from inside a run and lets the baseline step in between, on its own clock."""

    def __init__(self, baseline: Connection, turn: int) -> None:
        self._baseline, self._turn = baseline, turn
        self._let_step(WARM_UP)
        self.ours = self.theirs = 0.0  # seconds
        self.in_steps = 0.0  # seconds of ours
        self.ours_seen = self.theirs_seen = 0  # pictures
        self._back = time.perf_counter()

    def _let_step(self, steps: int) -> float:
        self._baseline.send(steps)
        seconds: float = self._baseline.recv()
        return seconds

    def watch(self, step: Callable[..., None]) -> Callable[..., None]:
        """`Gan.step`, on our clock."""

        def watched(gan: Gan, number: int, *given: object) -> None:
            start = time.perf_counter()
            step(gan, number, *given)
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            self.in_steps += (time.perf_counter() - start) * (number >= WARM_UP)

        return watched

    def __call__(self, progress: TrainProgress) -> None:
        if progress.step > WARM_UP:
            self.ours += time.perf_counter() - self._back
            self.ours_seen += BATCH
            if (progress.step - WARM_UP) % (OF_OURS * self._turn) == 0:
                self._their_turn()
        self._back = time.perf_counter()

    def _their_turn(self) -> None:
        self.theirs += self._let_step(self._turn)
        self.theirs_seen += BATCH * self._turn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--baseline", type=Path, required=True)
    parser.add_argument("--pictures", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=250, help="steps of ours that count")
    parser.add_argument("--turn", type=int, default=5, help="steps of theirs at a time")
    parser.add_argument("--precision", default="auto", help="of ours, as train.precision")
    parser.add_argument("--compile", action="store_true", help="ours by torch.compile")
    options = parser.parse_args()
    print(machine())
    config = TrainConfig(
        steps=options.steps + WARM_UP, batch_size=BATCH, augment=(), checkpoint_every=250,
        compile=options.compile, precision=options.precision,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        curated(data, NAME, options.pictures)
        pictures = datasets.load(datasets.find(data, NAME))
        here, there = multiprocessing.Pipe()
        context = multiprocessing.get_context("spawn")
        context.Process(target=other, args=(options.baseline, pictures, there), daemon=True).start()
        turns = Turns(here, options.turn)
        Gan.step = turns.watch(Gan.step)
        train(config, NAME, data, on_progress=turns)
        here.send(0)
    ours, theirs = turns.ours_seen / turns.ours, turns.theirs_seen / turns.theirs
    print(f"ours {ours:.1f} pictures/s, tutorial {theirs:.1f} pictures/s, ratio {ours / theirs:.2f}")
    print(f"around the step: {1 - turns.in_steps / turns.ours:.1%} of our time")


if __name__ == "__main__":
    main()

"""Train a tiny run that is killed again and again, each time at another point, until it ends.

usage: killed_run.py NAME DATA[=POINT,POINT…] …
POINT: `step:N` (after the Nth step of an attempt) or `fsync:N` (at the Nth time it makes a file durable).
In each DATA, after as many killed attempts as it has points, one attempt runs to its end. Attempts are forks,
so that torch is imported once. Not a test itself: test_resume.py runs it.
"""

import os
import signal
import sys
from pathlib import Path

import matplotlib.figure  # noqa: F401  (what a run imports late, imported once for all attempts)
import torch
import torch._dynamo
import torch.utils.tensorboard

from models import files
from models.chance import Chance
from models.config import TrainConfig
from models.gan import Gan
from models.session import Session  # noqa: F401  (as above)
from models.trainer import train

CONFIG = TrainConfig(
    steps=30,
    batch_size=8,
    base_channels=4,
    latent_dim=8,
    norm_d="spectral",
    loss="hinge",
    augment=("mirror", "diffaugment"),
    augment_target=0.3,
    dropout_d=0.2,
    r1=0.5,
    penalty_every=4,
    device="cpu",
    precision="float32",
    checkpoint_every=7,
    log_every=5,
    sample_every=9,
)


def break_once() -> None:
    """The 17th step gives no number at the recipe's rates: every run goes back once, with halved rates."""
    step = Gan.step

    def breaking(self: Gan, number: int, real: torch.Tensor, chance: Chance) -> None:
        step(self, number, real * (float("nan") if number == 16 and self.rates[0] > 1e-4 else 1), chance)

    Gan.step = breaking


def attempt(data: Path, name: str, point: str) -> None:
    kind, _, number = point.partition(":")
    left = int(number or 0)

    def count_down(*_: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    if kind == "fsync":
        fsync = os.fsync

        def killing_fsync(handle: int) -> None:
            count_down()
            fsync(handle)

        files.os.fsync = killing_fsync
    break_once()
    train(CONFIG, name, data, on_progress=count_down if kind == "step" else lambda _: None)


def train_through(data: Path, name: str, points: list[str]) -> None:
    for point in [*points, ""]:
        child = os.fork()
        if child == 0:
            torch.set_num_threads(1)
            attempt(data, name, point)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        if killed != bool(point) or (not killed and status):
            raise SystemExit(f"{data}: attempt {point!r} ended with status {status}")


if __name__ == "__main__":
    for order in sys.argv[2:]:
        folder, _, given = order.partition("=")
        train_through(Path(folder), sys.argv[1], given.split(",") if given else [])

"""Training, as the rest of the house calls it. torch is imported only when there is something to train."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from models import extras
from models import run as runs
from models.config import TrainConfig, check_size
from models.errors import TrainingError
from models.records import Outlook, Trained, TrainProgress
from models.run import VERSION

__all__ = ["VERSION", "check", "help_train", "outlook", "train"]


def train(
    config: TrainConfig,
    name: str,
    data: Path,
    *,
    on_progress: Callable[[TrainProgress], None] = lambda _: None,
    fresh: bool = False,
) -> Trained:
    """Train on data/processed/NAME until the run has its length, going on from the last checkpoint.

    `fresh` starts over and keeps the old folder under another name. Ctrl-C and SIGTERM (in the main thread)
    save a checkpoint and end in KeyboardInterrupt. Raises TrainingError.
    """
    run = runs.find(config, name, data)
    if run.finished() and not fresh:
        return Trained(run.folder, *run.position(), finished_before=True)
    from models import launch, trial
    from models.session import Session

    _check_installed(config)
    if fresh:
        run.set_aside()
    try:
        with launch.team(run) as team:
            return Session(run, team, on_progress).train()
    except (RuntimeError, MemoryError) as error:
        if not trial.full_memory(error):
            raise
        raise trial.what_fits(run, error) from None


def check(config: TrainConfig, size: int, data: Path) -> None:
    """Raise TrainingError for what a recipe for pictures of `size` px alone tells: before any are fetched."""
    check_size(config.network, size)
    _check_installed(config)
    if config.init:
        runs.named(config.init, data)
    if config.device not in {"auto", "cpu"}:
        from models.device import choose_device

        choose_device(config.device)


def _check_installed(config: TrainConfig) -> None:
    extras.check(config)
    if config.trackers:
        from models import trackers

        trackers.check(config.trackers)


def help_train(config: TrainConfig, name: str, data: Path, *, fresh: bool = False) -> None:
    """Be one of the other processes of a run that torchrun or accelerate started together with `train`."""
    run = runs.find(config, name, data)
    if run.finished() and not fresh:
        return
    from models import launch

    launch.follow(run)


def outlook(config: TrainConfig, name: str, data: Path) -> Outlook:
    """What `train` would do now, told from the dataset's manifest and the run's files."""
    try:
        run = runs.find(config, name, data)
    except TrainingError as error:
        return Outlook(done=False, folder=None, step=0, why=str(error))
    step, _, seconds = run.position()
    if run.finished():
        return Outlook(done=True, folder=run.folder, step=step, why=f"finished at step {step:,}")
    length = run.length
    goal = f"{length.steps:,} steps" if length.steps is not None else f"{config.minutes:g} min"
    if not step:
        return Outlook(done=False, folder=run.folder, step=0, why=f"{goal} on {len(run.dataset):,} pictures")
    why = f"goes on from step {step:,} ({seconds / 60:.1f} min) to {goal}"
    return Outlook(done=False, folder=run.folder, step=step, why=why)

"""Programs that keep the figures of many runs side by side, reached through accelerate: train.trackers."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from models.errors import ConfigError
from models.run import Run

_PACKAGES = {"comet_ml": "comet-ml"}  # where it is not called as its module is

_log = logging.getLogger(__name__)


def check(names: Sequence[str]) -> None:
    """Raise ConfigError for one that is not installed here."""
    if not names:
        return
    from accelerate.tracking import get_available_trackers

    there = {str(name) for name in get_available_trackers()}
    for name in names:
        if name not in there:
            rule = f"not installed here; pip install {_PACKAGES.get(name, name)}, or leave it out"
            raise ConfigError("train.trackers", name, rule)


class Trackers:
    """Those that a run asks for. One that fails is left out from then on: training does not hang on it."""

    def __init__(self, run: Run) -> None:
        self._trackers: list[Any] = []
        if not run.config.trackers:
            return
        from accelerate import PartialState

        PartialState(cpu=True)  # unless a team has one already: their logging wants it
        for name in run.config.trackers:
            try:
                self._trackers.append(_started(name, run))
            except Exception as error:  # theirs may be anything
                raise ConfigError("train.trackers", name, f"does not start: {error}") from error

    def log(self, figures: Mapping[str, float | None], step: int) -> None:
        known = {name: value for name, value in figures.items() if value is not None}
        for tracker in [*self._trackers]:
            try:
                tracker.log(known, step=step)
            except Exception as error:  # theirs may be anything
                self._trackers.remove(tracker)
                _log.warning("step %d: %s takes no more figures: %s", step, tracker.name, error)

    def close(self) -> None:
        for tracker in self._trackers:
            tracker.finish()
        self._trackers.clear()


def _started(name: str, run: Run) -> Any:
    from accelerate.tracking import LOGGER_TYPE_TO_CLASS

    kind, settings = LOGGER_TYPE_TO_CLASS[name], _settings(name, run)
    if kind.requires_logging_directory:
        settings["logging_dir"] = str(run.folder)
    tracker = kind(run.dataset.name, **settings)
    tracker.start()
    tracker.store_init_configuration(_plain(dataclasses.asdict(run.config)))
    return tracker


def _settings(name: str, run: Run) -> dict[str, Any]:
    """That one run of ours is one run of theirs, resumes included, and lies in its folder where it can."""
    folder, called = str(run.folder), run.folder.name
    settings: dict[str, dict[str, Any]] = {
        "wandb": {"name": called, "id": called, "resume": "allow", "dir": folder},
        "trackio": {"name": called, "resume": "allow"},
        "dvclive": {"dir": str(run.folder / "dvclive"), "resume": True},
        "mlflow": {"run_name": called},
        "swanlab": {"experiment_name": called, "logdir": folder},
    }
    return settings.get(name, {})


def _plain(keys: Mapping[str, Any]) -> dict[str, Any]:
    """What all of them take: text and numbers."""
    return {key: _told(value) for key, value in keys.items() if value is not None}


def _told(value: Any) -> Any:
    if isinstance(value, tuple):
        return ", ".join(value)
    return value if isinstance(value, str | int | float) else str(value)

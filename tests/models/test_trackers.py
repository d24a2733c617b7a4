"""What a run logs reaches the trackers that it names."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from accelerate.tracking import LOGGER_TYPE_TO_CLASS, GeneralTracker, TensorBoardTracker
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from models import config
from models.errors import ConfigError
from models.trainer import outlook, train
from tests.models.conftest import TINY

MakeDataset = Callable[..., Path]
TOLD = replace(TINY, trackers=("tensorboard",), log_every=4, steps=8)


def test_every_tracker_of_accelerate_can_be_named() -> None:
    assert set(config.TRACKERS) == set(LOGGER_TYPE_TO_CLASS)


def test_a_tracker_is_told_the_figures_of_every_row_and_the_recipe(make_dataset: MakeDataset) -> None:
    data = make_dataset()
    folder = train(TOLD, "blobs", data).folder
    train(replace(TOLD, steps=12), "blobs", data)
    told = {}
    for path in (folder / "blobs").glob("events.out.tfevents.*"):  # accelerate's folder within the run's
        events = EventAccumulator(str(path)).Reload()
        told |= {event.step: event.value for event in events.Scalars("loss_d")}
    rows = pq.read_table(folder / "metrics.parquet").to_pylist()
    assert told == pytest.approx({row["step"]: row["loss_d"] for row in rows}, rel=1e-6)
    assert sorted(told) == [4, 8, 12]
    (recipe, _) = (path.read_text() for path in (folder / "blobs").glob("*/hparams.yml"))
    assert "batch_size: 8" in recipe
    assert outlook(replace(TINY, log_every=4, steps=12), "blobs", data).folder == folder  # not another run


def test_a_tracker_that_fails_does_not_end_the_run(
    make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(self: GeneralTracker, values: dict[str, float], step: int) -> None:
        raise ConnectionError("the line is down")

    monkeypatch.setattr(TensorBoardTracker, "log", fail)
    assert train(TOLD, "blobs", make_dataset()).step == 8
    assert [record.message for record in caplog.records if "no more" in record.message] == [
        "step 4: tensorboard takes no more figures: the line is down"
    ]


def test_a_tracker_that_is_unknown_or_not_installed_is_one_line(make_dataset: MakeDataset) -> None:
    with pytest.raises(ConfigError, match=r"train.trackers = 'mlfow': need one of aim, clearml, comet_ml"):
        replace(TINY, trackers=("mlfow",))
    data = make_dataset()
    with pytest.raises(ConfigError, match=r"'comet_ml': not installed here; pip install comet-ml, or leave"):
        train(replace(TINY, trackers=("comet_ml",)), "blobs", data)
    assert not list((data / "runs").glob("*/checkpoints"))

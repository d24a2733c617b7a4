"""Pictures that memory does not hold are read from a file, and nothing else is different."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file

from models import data as datasets
from models import holding
from models.config import TrainConfig
from models.records import TrainProgress
from models.trainer import train
from tests.models.test_resume import twin_of

MakeDataset = Callable[..., Path]

SHORT = TrainConfig(
    steps=4, batch_size=8, base_channels=4, latent_dim=8, device="cpu", precision="float32", log_every=2
)


def test_a_dataset_that_does_not_fit_is_mapped_and_trains_the_same(
    make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make_dataset()
    held = train(SHORT, "blobs", data).folder
    monkeypatch.setattr(holding, "_SHARE", 0.0)
    mapped: list[np.ndarray] = []

    def look(progress: TrainProgress) -> None:
        (path,) = (data / "twin/runs").glob("*/pixels.npy")
        mapped.append(np.array(datasets.mapped(path)))

    twin = train(SHORT, "blobs", twin_of(data, "twin"), on_progress=look).folder
    assert np.array_equal(mapped[0], datasets.load(datasets.find(data, "blobs")))
    ours, theirs = (load_file(one / "generator.safetensors") for one in (held, twin))
    assert all(tensor.equal(theirs[name]) for name, tensor in ours.items())
    assert not (twin / "pixels.npy").exists()


def test_a_file_of_pictures_that_was_left_is_used_again(
    make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holding, "_SHARE", 0.0)
    data, written = make_dataset(), []
    write = datasets.write_pixels
    monkeypatch.setattr(datasets, "write_pixels", lambda *given: (written.append(given), write(*given)))

    def stop(progress: TrainProgress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(SHORT, "blobs", data, on_progress=stop)
    train(replace(SHORT, steps=5), "blobs", data)
    assert len(written) == 1

"""Generators and discriminators for others: what leaves the house computes what torch computes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from models import export, representation, sample
from models.chance import latents
from models.config import TrainConfig
from models.errors import MissingInput, TrainingError
from models.trainer import train

MakeDataset = Callable[..., Path]


@pytest.fixture
def data(make_dataset: MakeDataset) -> Path:
    return make_dataset()


@pytest.fixture
def run(data: Path) -> Path:
    config = TrainConfig(steps=3, batch_size=8, base_channels=4, latent_dim=8, device="cpu", log_every=2)
    return train(config, "blobs", data).folder


@pytest.mark.parametrize("suffix", [pytest.param(".onnx", marks=pytest.mark.slow), ".pt"])
def test_an_exported_generator_makes_the_same_pictures_in_batches_of_any_size(
    run: Path, tmp_path: Path, suffix: str
) -> None:
    written = export.export(run, tmp_path / f"gan{suffix}")
    module = sample.load(run).module
    for count in (1, 5):
        points = latents(count, 8, seed=9)
        if suffix == ".onnx":
            import onnxruntime

            session = onnxruntime.InferenceSession(written, providers=["CPUExecutionProvider"])
            (pictures,) = session.run(None, {"latents": points.numpy()})
        else:
            with pytest.warns(FutureWarning, match="deprecated"):
                pictures = torch.jit.load(written)(points).numpy()
        assert pictures.shape == (count, 3, 16, 16)
        assert np.abs(pictures - module(points).numpy()).max() <= 1e-4


def test_a_file_that_computes_something_else_is_not_published(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "_run_torchscript", lambda _, points: np.zeros((len(points), 3, 16, 16)))
    with pytest.raises(TrainingError, match="differs from torch"):
        export.export(run, tmp_path / "gan.pt")
    assert list(tmp_path.glob("*gan*")) == []


def test_another_suffix_is_a_mistake(run: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match=r"use \.onnx or \.pt"):
        export.export(run, tmp_path / "gan.tflite")


def test_features_tell_pictures_apart_and_name_them(run: Path, data: Path) -> None:
    table = pq.read_table(representation.write(run, data))
    listed = pq.read_table(run / "pictures.parquet")
    assert table["image_id"].to_pylist() == listed["image_id"].to_pylist()
    features = np.array(table["features"].to_pylist())
    assert features.shape[0] == len(listed)
    assert features.shape[1] >= 4
    assert np.isfinite(features).all()
    assert len(np.unique(features.round(5), axis=0)) == len(listed)
    again = pq.read_table(representation.write(run, data))
    assert again.equals(table)


def test_features_of_pictures_that_are_gone_are_not_to_be_had(run: Path, data: Path) -> None:
    next((data / "processed" / "blobs" / "images").iterdir()).unlink()
    with pytest.raises(MissingInput, match=r"1 of the \d+ pictures that it saw are no longer in the dataset"):
        representation.write(run, data)

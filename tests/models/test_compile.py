"""`compile = true` computes the same, only otherwise."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from safetensors.torch import load_file

from models.config import TrainConfig
from models.errors import ConfigError
from models.extras import compiler
from models.records import TrainProgress
from models.trainer import train

MakeDataset = Callable[..., Path]

PLAIN = TrainConfig(
    steps=12, batch_size=8, base_channels=4, latent_dim=8, device="cpu", precision="float32",
    checkpoint_every=6, log_every=4, sample_every=6,
)  # fmt: skip
MODERN = replace(PLAIN, network="modern", loss="relativistic", norm_d="none", r1=1.0, r2=1.0, penalty_every=4)


def losses(folder: Path) -> list[tuple[float, float]]:
    rows = pq.read_table(folder / "metrics.parquet").to_pylist()
    return [(row["loss_d"], row["loss_g"]) for row in rows]


needs_a_compiler = pytest.mark.skipif(compiler() is None, reason="no C++ compiler here")


@pytest.mark.slow
@needs_a_compiler
@pytest.mark.parametrize("config", [PLAIN, replace(PLAIN, norm_d="spectral"), MODERN])
def test_compiled_networks_learn_what_plain_ones_do(make_dataset: MakeDataset, config: TrainConfig) -> None:
    data = make_dataset()
    plain = losses(train(config, "blobs", data).folder)
    compiled = losses(train(replace(config, compile=True), "blobs", data).folder)
    for ours, theirs in zip(compiled, plain, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-2)


@pytest.mark.slow
@needs_a_compiler
def test_a_compiled_run_goes_on_exactly_after_a_stop(make_dataset: MakeDataset) -> None:
    def stop_at_7(progress: TrainProgress) -> None:
        if progress.step == 7:
            signal.raise_signal(signal.SIGINT)

    data, config = make_dataset(), replace(PLAIN, compile=True)
    with pytest.raises(KeyboardInterrupt):
        train(config, "blobs", data, on_progress=stop_at_7)
    stopped = train(config, "blobs", data).folder
    straight = train(config, "blobs", data, fresh=True).folder
    ours = load_file(stopped.with_name(f"{stopped.name}.1") / "generator.safetensors")
    theirs = load_file(straight / "generator.safetensors")
    assert all(tensor.equal(theirs[name]) for name, tensor in ours.items())


def test_what_cannot_be_compiled_is_refused(
    make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match=r"train\.compile = True: for one device alone"):
        TrainConfig(compile=True, devices=2)
    monkeypatch.setattr("models.extras.which", lambda _name: None)
    with pytest.raises(ConfigError, match=r"train\.compile = True: needs a C\+\+ compiler"):
        train(replace(PLAIN, compile=True), "blobs", make_dataset())

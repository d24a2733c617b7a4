"""Two processes with a batch each are one process with both batches."""

import multiprocessing as mp
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file

from models import data as datasets
from models.chance import Chance
from models.config import TrainConfig
from models.errors import ConfigError, TooFewPictures, TrainingError
from models.gan import Gan
from models.records import TrainProgress
from models.trainer import outlook, train
from tests.models.test_resume import twin_of

MakeDataset = Callable[..., Path]
CPU = torch.device("cpu")
ROOT = Path(__file__).parents[2]

# What needs more of the others than the mean of gradients: batch norm, a second derivative through it, means
# of features, an augmentation that follows the discriminator.
TWO = TrainConfig(
    steps=14, batch_size=4, devices=2, base_channels=4, latent_dim=8, device="cpu", precision="float32",
    loss="feature-matching", augment=("mirror", "diffaugment"), augment_target=0.3, r1=0.5, penalty_every=2,
    checkpoint_every=3, log_every=4, sample_every=7,
)  # fmt: skip
ONE = replace(TWO, batch_size=8, devices=1)


def break_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The 6th step gives no number at the recipe's rates; of two processes in this one alone."""
    step = Gan.step

    def breaking(self: Gan, number: int, real: torch.Tensor, chance: Chance) -> None:
        step(self, number, real * (float("nan") if number == 5 and self.rates[0] > 1e-4 else 1), chance)

    monkeypatch.setattr(Gan, "step", breaking)


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_two_processes_with_a_second_discriminator_are_one_with_twice_the_batch(
    make_dataset: MakeDataset,
) -> None:
    """Over a few steps: the kinks of the network it sees through soon make more of a rounding."""
    data = make_dataset()
    changes = {"steps": 3, "projected": 0.3, "loss": "hinge", "log_every": 1}
    two = train(replace(TWO, **changes), "blobs", data)
    one = train(replace(ONE, **changes), "blobs", twin_of(data, "twin"))
    rows, others = (pq.read_table(done.folder / "metrics.parquet") for done in (two, one))
    for name in ("loss_d", "loss_g", "loss_projected"):
        assert np.allclose(rows[name].to_numpy(), others[name].to_numpy(), rtol=1e-3), name
    checkpoints = [load_file(done.folder / "checkpoints/0000003.safetensors") for done in (two, one)]
    heads = [name for name in checkpoints[0] if name.startswith("heads.")]
    assert heads
    for name in heads:
        assert torch.allclose(checkpoints[0][name], checkpoints[1][name], atol=1e-4), name


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_two_processes_stopped_and_set_back_end_as_one_with_twice_the_batch(
    make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make_dataset()
    break_once(monkeypatch)

    def stop_at_8(progress: TrainProgress) -> None:
        if progress.step == 8:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(TWO, "blobs", data, on_progress=stop_at_8)
    assert outlook(TWO, "blobs", data).step == 8
    two = train(TWO, "blobs", data)
    one = train(ONE, "blobs", twin_of(data, "twin"))
    assert not mp.active_children()
    assert (two.step, two.pictures_seen) == (one.step, one.pictures_seen) == (14, 112)
    rows, others = (pq.read_table(done.folder / "metrics.parquet") for done in (two, one))
    assert rows["event"].to_pylist() == others["event"].to_pylist()
    assert rows["event"].null_count == len(rows) - 1  # set back once
    for name in ("step", "loss_d", "loss_g", "score_real", "accuracy_fake", "lr_d", "augment_p"):
        ours, theirs = (table[name].to_numpy().astype(float) for table in (rows, others))
        assert np.allclose(ours, theirs, rtol=1e-4, atol=1e-6, equal_nan=True), name
    checkpoints = [load_file(done.folder / "checkpoints/0000014.safetensors") for done in (two, one)]
    for name, tensor in checkpoints[0].items():
        assert torch.allclose(tensor.double(), checkpoints[1][name].double(), rtol=1e-3, atol=1e-5), name
    assert len(list(two.folder.glob("events.out.tfevents.*"))) == 3  # one more each time it went on or back


@pytest.mark.slow
def test_a_run_whose_other_process_dies_says_so_and_leaves_none_behind(make_dataset: MakeDataset) -> None:
    def kill(progress: TrainProgress) -> None:
        if progress.step == 5:
            os.kill(mp.active_children()[0].pid or 0, signal.SIGKILL)

    with pytest.raises(TrainingError, match=r"1 of the other processes died \(exit code -9\); the same comm"):
        train(TWO, "blobs", make_dataset(), on_progress=kill)
    assert not mp.active_children()


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_torchrun_starts_the_same_run(make_dataset: MakeDataset) -> None:
    data = make_dataset()
    recipe = data / "blobs.toml"
    keys = "steps=4 batch_size=4 base_channels=4 latent_dim=8 log_every=2".replace(" ", "\n")
    recipe.write_text(
        f'[[source]]\nkind="folder"\npath="."\n[curate]\nsize=16\n[train]\ndevice="cpu"\n{keys}\n'
    )
    launched = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nproc-per-node",
        "2",
        "-m",
        "flows",
        "train",
    ]
    done = subprocess.run(
        [*launched, str(recipe), "--data", str(data)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("step 4, 32 pictures seen") == 1
    (folder,) = (data / "runs").iterdir()
    assert outlook(replace(TrainConfig(), steps=4, batch_size=4, base_channels=4, latent_dim=8, log_every=2,
                           device="cpu", devices=2), "blobs", data).folder == folder  # fmt: skip


def test_the_shares_of_all_processes_are_the_numbers_of_one() -> None:
    whole = Chance(3, CPU).at(7).uniform(12, 2, low=-1)
    shares = [Chance(3, CPU, rank, 3).at(7).uniform(4, 2, low=-1) for rank in range(3)]
    assert torch.equal(torch.stack(shares, 1).reshape(12, 2), whole)


def test_a_batch_is_what_all_processes_see_each_as_many() -> None:
    two, one = datasets.Order(103, 5, 1, processes=2), datasets.Order(103, 10, 1)
    assert all(np.array_equal(two.batch(step), one.batch(step)) for step in range(30))
    few = datasets.Order(7, 64, 0, processes=2)
    assert (few.batch_size, few.steps_per_epoch) == (6, 1)
    with pytest.raises(TooFewPictures, match="2 pictures for 3 devices; need one for each at least"):
        datasets.Order(2, 64, 0, processes=3)


def test_more_devices_than_there_are_are_refused(
    make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(ConfigError, match=r"train.devices = 2: this machine has 1 of train.device = 'cuda'"):
        train(replace(TWO, device="cuda"), "blobs", make_dataset())

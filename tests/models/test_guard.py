"""What goes wrong is noticed, what goes right is left alone."""

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from torch import nn

from models import data as datasets
from models.chance import Chance
from models.config import TrainConfig
from models.copies import Originals
from models.errors import Diverged
from models.gan import Gan
from models.guard import Guard, diagnosis, diversity
from models.trainer import train

MakeDataset = Callable[..., Path]

TINY = TrainConfig(
    steps=12, batch_size=8, base_channels=4, latent_dim=8, device="cpu", precision="float32",
    checkpoint_every=5, log_every=4, sample_every=6, augment=("mirror", "translation"),
)  # fmt: skip
LONG = replace(TINY, steps=500, log_every=50, sample_every=50, checkpoint_every=250)


def poison(monkeypatch: pytest.MonkeyPatch, at: int, most_rate: float) -> None:
    """The `at`th step (from 0) gives no number while the generator's rate is above `most_rate`."""
    step = Gan.step

    def poisoned(self: Gan, number: int, real: torch.Tensor, chance: Chance) -> None:
        bad = number == at and self.rates[0] > most_rate
        step(self, number, real * (float("nan") if bad else 1), chance)

    monkeypatch.setattr(Gan, "step", poisoned)


def events(folder: Path) -> list[tuple[int, str]]:
    rows = pq.read_table(folder / "metrics.parquet").to_pylist()
    return [(row["step"], row["event"]) for row in rows if row["event"]]


def test_a_loss_that_is_no_number_sends_the_run_back_with_halved_rates(
    make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    poison(monkeypatch, at=6, most_rate=1e-4)
    data = make_dataset()
    trained = train(TINY, "blobs", data)
    says = "rolled back from step 8 to 5: a loss was no longer a number; both learning rates are now at 1/2"
    assert events(trained.folder) == [(5, says)]
    assert says in caplog.text
    metrics = pq.read_table(trained.folder / "metrics.parquet").to_pylist()
    rates = {row["step"]: (row["lr_g"], row["lr_d"]) for row in metrics if row["lr_g"]}
    assert rates == {4: (2e-4, 2e-4), 8: (1e-4, 1e-4), 12: (1e-4, 1e-4)}
    assert trained.step == 12
    longer = train(replace(TINY, steps=16), "blobs", data)
    last = pq.read_table(longer.folder / "metrics.parquet").to_pylist()[-1]
    assert (last["step"], last["lr_g"]) == (16, 1e-4)


def test_before_the_first_checkpoint_a_run_goes_back_to_its_beginning(
    make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison(monkeypatch, at=1, most_rate=0.6e-4)
    trained = train(TINY, "blobs", make_dataset())
    assert [(step, text.split(":")[0]) for step, text in events(trained.folder)] == [
        (0, "rolled back from step 4 to 0")
    ] * 2
    assert trained.step == 12


def test_the_fourth_time_is_the_end_with_a_diagnosis(
    make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison(monkeypatch, at=6, most_rate=0)
    with pytest.raises(
        Diverged, match=r"for the 4th time, at rates of 1/8: .* state is step 5; .*loss_d"
    ) as it:
        train(TINY, "blobs", make_dataset())
    assert it.value.exit_code == 5
    assert "\n" not in str(it.value)


def test_a_diagnosis_names_what_led_there() -> None:
    row = {"loss_d": 0.001, "loss_g": 12.0, "accuracy_real": 1.0, "accuracy_fake": 0.99}
    assert "the discriminator was winning; lower train.lr_d" in diagnosis(row, torch.float32)
    assert "float32" in diagnosis({**row, "accuracy_fake": 0.5}, torch.bfloat16)
    assert "at once" in diagnosis({}, torch.float32)


def test_a_discriminator_too_fast_for_its_generator_is_noticed(make_dataset: MakeDataset) -> None:
    config = replace(LONG, lr_d=100 * LONG.lr_d, norm_d="none")
    assert events(train(config, "blobs", make_dataset()).folder)


def test_a_generator_that_repeats_itself_is_noticed(
    make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Repeating(nn.Module):
        def __init__(self, inner: nn.Module) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, latents: torch.Tensor) -> torch.Tensor:
            return self.inner(latents[:1].expand_as(latents) + latents * 1e-3)

    from models import gan
    from models.networks import NETWORKS

    plain = NETWORKS["dcgan"]
    repeating = plain._replace(generator=lambda shape: Repeating(plain.generator(shape)))
    monkeypatch.setitem(gan.NETWORKS, "dcgan", repeating)
    found = events(train(replace(LONG, steps=300), "blobs", make_dataset()).folder)
    assert [(step, text.split(":")[0]) for step, text in found] == [(250, "mode collapse")]


def test_a_generator_that_knows_its_pictures_by_heart_is_noticed(
    make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    from models import gan
    from models.networks import NETWORKS

    data = make_dataset()
    reals = torch.from_numpy(datasets.load(datasets.find(data, "blobs")))

    class ByHeart(nn.Module):
        def __init__(self, inner: nn.Module) -> None:
            super().__init__()
            self.inner = inner
            self.register_buffer("known", reals.permute(0, 3, 1, 2) / 127.5 - 1)

        def forward(self, latents: torch.Tensor) -> torch.Tensor:
            recalled = self.known[(latents.sum(1).abs() * 1e4).long() % len(self.known)]
            return (recalled + 0.05 * self.inner(latents)).clamp(-1, 1)

    plain = NETWORKS["dcgan"]
    knowing = plain._replace(generator=lambda shape: ByHeart(plain.generator(shape)))
    monkeypatch.setitem(gan.NETWORKS, "dcgan", knowing)
    found = events(train(replace(LONG, steps=300), "blobs", data).folder)
    assert [(step, text.split(":")[0]) for step, text in found] == [(250, "overfitting")]


@pytest.mark.slow
def test_a_generator_that_learns_four_pictures_by_heart_is_noticed(make_dataset: MakeDataset) -> None:
    """Nothing is put in its way: enough steps on so few pictures, and penalties too weak to hold it."""
    fast = replace(
        LONG, steps=3000, network="modern", loss="relativistic", norm_d="none", base_channels=16,
        latent_dim=100, r1=0.05, r2=0.05, penalty_every=8, beta1=0.0, lr_g=2e-3, lr_d=2e-3, sample_every=250,
        augment=("translation",),
    )  # fmt: skip
    found = events(train(fast, "blobs", make_dataset(count=4)).folder)
    assert any(text.startswith("overfitting: ") for _, text in found)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_healthy_runs_are_left_alone(make_dataset: MakeDataset, seed: int) -> None:
    assert events(train(replace(LONG, seed=seed), "blobs", make_dataset()).folder) == []


def test_a_win_counts_only_when_it_lasts_and_is_told_once() -> None:
    guard = Guard()
    perfect = {"accuracy_real": 1.0, "accuracy_fake": 1.0, "loss_d": 0.001}
    told = [guard.see_means(perfect, 50, (0.0, 1.386)) for _ in range(3)]
    assert told == [None] * 3
    guard = Guard(**asdict(guard))  # as a checkpoint keeps it
    assert "won" in (guard.see_means(perfect, 50, (0.0, 1.386)) or "")
    assert guard.see_means(perfect, 50, (0.0, 1.386)) is None
    assert guard.see_means({**perfect, "accuracy_real": 0.99}, 50, (0.0, 1.386)) is None
    assert guard.won_steps == 0
    smoothed = {**perfect, "loss_d": 0.33}
    assert "won" in (guard.see_means(smoothed, 200, (0.325, 1.386)) or "")


@pytest.mark.parametrize(
    ("grids", "told"),
    [
        ([5, 6, 7, 8, 9, 12], []),  # a slow beginning
        ([40, 50, 60, 9, 8, 7, 6], [250]),  # a fall
        ([0.2, 0.3, 0.4, 0.5, 0.6, 0.7], [250]),  # one picture from the beginning
        ([40, 50, 60, 9, 30, 9, 30], []),  # bad moments
    ],
)
def test_pictures_that_are_alike_and_stay_so_are_a_collapse(grids: list[float], told: list[int]) -> None:
    guard, found = Guard(), []
    for place, grid in enumerate(grids, 1):
        if guard.see_grid(50 * place, grid, 100.0):
            found.append(50 * place)
        guard = Guard(**asdict(guard))  # as a checkpoint keeps it
    assert found == told


def test_diversity_is_the_root_mean_square_difference_of_pairs() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (5, 4, 4, 3), np.uint8).astype(np.uint8)
    pairs = [(a, b) for a in range(5) for b in range(5) if a != b]
    squares = [np.square(pictures[a].astype(float) - pictures[b]).mean() for a, b in pairs]
    assert diversity(pictures) == pytest.approx(np.mean(squares) ** 0.5)
    assert diversity(pictures[:1]) == 0


def test_a_few_copies_or_one_grid_of_them_are_no_event() -> None:
    guard = Guard()
    told = [guard.see_copies(step, share) for step, share in ((100, 1.0), (250, 0.5), (300, 0.2), (350, 0.4))]
    assert told == [None] * 4
    guard = Guard(**asdict(guard))  # as a checkpoint keeps it
    assert (guard.see_copies(400, 0.3) or "").startswith("overfitting: 30% of the samples")
    assert guard.see_copies(450, 0.9) is None


def test_a_copy_is_told_from_a_blur_and_from_another_picture() -> None:
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (60, 4, 4, 3), np.uint8).astype(np.uint8)
    pictures = coarse.repeat(16, 1).repeat(16, 2)
    known, other = pictures[:40], pictures[40:]
    originals = Originals(known, mirrored=True)
    blur = known.mean(0, keepdims=True).astype(np.uint8)
    noisy = np.clip(known[:8] + rng.normal(0, 20, known[:8].shape), 0, 255).astype(np.uint8)
    assert originals.copied(other) == 0
    assert originals.copied(blur) == 0
    assert originals.copied(noisy) == 1
    mirrored = np.ascontiguousarray(noisy[:, :, ::-1])
    assert originals.copied(mirrored) == 1
    assert Originals(known, mirrored=False).copied(mirrored) == 0
    assert originals.copied(np.concatenate([noisy, other[:8]])) == 0.5
    assert Originals(known[:1], mirrored=False).copied(known[:1]) == 0  # one picture has no nearest

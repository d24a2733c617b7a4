from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from models import sample
from models.chance import latents
from models.config import TrainConfig
from models.errors import MissingInput
from models.trainer import train

MakeDataset = Callable[..., Path]


@pytest.fixture
def run(make_dataset: MakeDataset) -> Path:
    config = TrainConfig(steps=3, batch_size=8, base_channels=4, latent_dim=8, device="cpu", log_every=2)
    return train(config, "blobs", make_dataset()).folder


def test_a_generator_says_what_it_is(run: Path) -> None:
    generator = sample.load(run)
    assert (generator.shape.size, generator.shape.channels) == (16, 3)
    about = generator.about
    assert (about["name"], about["network"], about["step"]) == ("blobs", "dcgan", 3)


def test_a_picture_depends_on_its_own_point_alone(run: Path) -> None:
    generator = sample.load(run)
    many = generator.pictures(latents(80, 8, seed=3))
    few = generator.pictures(latents(5, 8, seed=3))
    assert many.shape == (80, 16, 16, 3)
    assert np.abs(many[:5].astype(int) - few).max() <= 1  # rounding may differ with the batch
    assert not np.array_equal(few[0], few[1])


def test_a_grid_is_the_same_for_the_same_seed_and_another_for_another(run: Path, tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        sample.write(run, tmp_path / f"{name}.png", count=9, seed=seed)
    a, b, c = ((tmp_path / f"{name}.png").read_bytes() for name in "abc")
    assert a == b != c
    assert Image.open(tmp_path / "a.png").size == (3 * 18 + 2, 3 * 18 + 2)


def test_a_folder_gets_single_pictures(run: Path, tmp_path: Path) -> None:
    sample.write(run, tmp_path / "singles", count=4)
    paths = sorted((tmp_path / "singles").iterdir())
    assert [path.name for path in paths] == ["000000.png", "000001.png", "000002.png", "000003.png"]
    assert Image.open(paths[3]).size == (16, 16)


@pytest.mark.parametrize("suffix", [".gif", ".mp4"])
def test_a_walk_moves_and_ends_where_it_began(run: Path, tmp_path: Path, suffix: str) -> None:
    import cv2

    path = sample.write(run, tmp_path / f"walk{suffix}", count=3)
    video = cv2.VideoCapture(str(path))
    frames = []
    while (frame := video.read())[0]:
        frames.append(frame[1].astype(int))
    assert len(frames) == 3 * 24
    assert frames[0].shape == (16, 16, 3)


def test_a_walk_keeps_to_where_samples_lie() -> None:
    points = latents(4, 100, seed=0)
    way = torch.stack(list(sample.walk(points)))
    assert torch.allclose(way[::24], points, atol=1e-5)
    lengths, known = way.norm(dim=1), points.norm(dim=1)
    assert lengths.min() > 0.95 * known.min()
    assert lengths.max() < 1.05 * known.max()
    steps = (way.roll(-1, 0) - way).norm(dim=1)
    assert steps.max() < 2 * steps.min()


def test_the_first_points_of_a_seed_do_not_depend_on_how_many_follow() -> None:
    assert torch.equal(latents(3, 7, seed=5), latents(50, 7, seed=5)[:3])


def test_what_cannot_be_sampled_is_one_line(run: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match="no generator that can be read"):
        sample.write(tmp_path, tmp_path / "a.png")
    with pytest.raises(MissingInput, match=r"cannot write \.webm; use \.png, \.gif, \.mp4 or a folder"):
        sample.write(run, tmp_path / "a.webm")
    path = run / "generator.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(MissingInput, match="no generator that can be read"):
        sample.load(run)

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from flows import cli
from models import arithmetic, sample
from models.chance import latents
from models.config import TrainConfig
from models.errors import ConfigError, MissingInput
from models.trainer import train
from tests.models.conftest import blobs, write_dataset


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short run whose generator is then made to tell its points apart, as a long one's does."""
    data = tmp_path_factory.mktemp("data")
    write_dataset(data, "blobs", blobs(40, 16, 3))
    config = TrainConfig(steps=3, batch_size=8, base_channels=4, latent_dim=8, device="cpu", log_every=2)
    folder = train(config, "blobs", data).folder
    generator = sample.load(folder)
    with torch.no_grad():
        for layer in generator.module.modules():
            if isinstance(layer, torch.nn.ConvTranspose2d):
                layer.weight.mul_(10)
    sample.save(folder / "generator.safetensors", generator.module, generator.shape, generator.about)
    return folder


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    return shutil.copytree(trained, tmp_path / trained.name)


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
    assert np.abs(few[0].astype(int) - few[1]).max() > 20


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


def test_truncation_tames_every_picture_and_keeps_their_order() -> None:
    points = latents(200, 50, seed=1)
    tame = sample.truncated(points, 1.5)
    assert tame.abs().max() <= 1.5
    assert torch.equal(points.argsort(dim=1), tame.argsort(dim=1))
    assert tame.std() == pytest.approx(0.743, abs=0.02)  # of a normal distribution cut at ± 1.5
    assert torch.allclose(sample.truncated(points, 8.0), points, atol=1e-4)
    assert sample.truncated(points, None) is points


@pytest.mark.parametrize(("limit", "said"), [("0.5", "turn pale"), ("1.5", "")])
def test_a_truncation_that_is_too_strong_is_told_beside_the_answer(
    run: Path, tmp_path: Path, limit: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    grid = tmp_path / "grid.png"
    assert cli.main(["sample", str(run), "-n", "4", "-o", str(grid), "--truncation", limit]) == 0
    captured = capsys.readouterr()
    assert captured.out == f"{grid}\n"
    assert captured.err.count("\n") == bool(said)
    assert said in captured.err


def test_a_sum_of_points_shows_its_terms_their_means_and_the_result(run: Path, tmp_path: Path) -> None:
    path = tmp_path / "sum.png"
    arithmetic.write(run, "1, 2,3 - 0:4+5", path)
    sheet = np.asarray(Image.open(path)).astype(int)
    terms = [latents(1, 8, seed)[0] for seed in (1, 2, 3)]
    a, b, c = torch.stack(terms).mean(0), latents(5, 8, 0)[4], latents(1, 8, 5)[0]
    # 16 px shown at 64 with 2 px between; half a picture for each sign; the means below the line
    columns, mean = [2, 100, 198], 3 * 66 + 8
    places = {(2 + 66 * row, columns[0]): point for row, point in enumerate(terms)}
    places |= {(mean, left): point for left, point in zip(columns, (a, b, c), strict=True)}
    places |= {(2 + 66 * 2, columns[1]): b, (2 + 66 * 2, columns[2]): c, (mean - 66, 296 + 66): a - b + c}
    for (top, left), point in places.items():
        picture = sample.load(run).pictures(point[None])[0].astype(int).repeat(4, 0).repeat(4, 1)
        assert np.abs(sheet[top : top + 64, left : left + 64] - picture).max() <= 1
    corners = {sheet[mean - 66 * row, 296 + 66 * column].tobytes() for row in range(3) for column in range(3)}
    assert len(corners) > 4  # neighbours, not copies
    with pytest.raises(
        ConfigError, match=r"--arithmetic = '1 - 2': need A - B \+ C, each 1 to 16 seeds or SEED"
    ):
        arithmetic.write(run, "1 - 2", path)
    with pytest.raises(MissingInput, match=r"cannot write \.gif here; use \.png"):
        arithmetic.write(run, "1-2+3", tmp_path / "sum.gif")


@pytest.mark.parametrize(
    ("name", "count", "rule"),
    [
        ("a.png", 4097, "a grid holds 4,096 at most; for more name a folder"),
        ("a.gif", 201, "a walk goes through 200 points at most"),
        ("folder", 1_000_001, "a folder gets 1,000,000 at most; take another --seed"),
    ],
)
def test_more_than_can_be_made_is_refused_at_once(
    run: Path, tmp_path: Path, name: str, count: int, rule: str
) -> None:
    with pytest.raises(ConfigError, match=f"-n = {count}: {rule}"):
        sample.write(run, tmp_path / name, count=count)
    assert not (tmp_path / name).exists()


def test_many_single_pictures_tell_how_far_they_are(run: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    sample.write(run, tmp_path / "many", count=70, tick=lambda done, total: told.append((done, total)))
    assert told == [(done, 70) for done in range(1, 71)]
    last = np.asarray(Image.open(tmp_path / "many/000069.png")).astype(int)
    assert np.abs(sample.load(run).pictures(latents(70, 8, 0))[69] - last).max() <= 1


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


def test_a_generator_of_other_layers_is_refused_in_a_line(run: Path) -> None:
    generator = sample.load(run)
    about = {**generator.about, "network": "modern"}
    sample.save(run / "generator.safetensors", generator.module, generator.shape, about)
    with pytest.raises(MissingInput, match="made by another version, whose modern had other layers"):
        sample.load(run)

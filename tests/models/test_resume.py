"""A run that is killed anywhere and started again ends with the same weights, metrics and pictures."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from safetensors.torch import load_file

from models.config import TrainConfig
from models.records import TrainProgress
from models.trainer import outlook, train

MakeDataset = Callable[..., Path]
ROOT = Path(__file__).parents[2]

TINY = TrainConfig(
    steps=20, batch_size=8, base_channels=4, latent_dim=8, device="cpu", precision="float32",
    checkpoint_every=6, log_every=4, sample_every=6,
)  # fmt: skip


def twin_of(data: Path, name: str) -> Path:
    """Another data directory with the same datasets and no runs."""
    twin = data / name
    twin.mkdir()
    (twin / "processed").symlink_to(data / "processed")
    return twin


def train_killed(data: Path, kills: dict[str, list[str]]) -> None:
    """Train in `data` straight through and in its twins killed at their points, by killed_run.py."""
    orders = [f"{twin_of(data, name)}={','.join(points)}" for name, points in kills.items()]
    script = Path(__file__).with_name("killed_run.py")
    done = subprocess.run(
        [sys.executable, str(script), "blobs", str(data), *orders],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def only_run(data: Path) -> Path:
    (folder,) = (data / "runs").iterdir()
    return folder


def assert_same_run(folder: Path, other: Path) -> None:
    """Weights, optimizers and average bit for bit; metrics but for the time; every picture byte for byte."""
    for name in ("generator.safetensors", f"checkpoints/{newest(folder)}"):
        ours, theirs = load_file(folder / name), load_file(other / name)
        assert ours.keys() == theirs.keys()
        for key, tensor in ours.items():
            assert tensor.equal(theirs[key]), key
    times = ["seconds", "evaluation_seconds"]
    metrics = [pq.read_table(one / "metrics.parquet").drop_columns(times) for one in (folder, other)]
    assert metrics[0].equals(metrics[1])
    pictures = [path.relative_to(folder) for path in folder.rglob("*") if path.suffix in {".png", ".gif"}]
    assert len(pictures) > 5
    for picture in pictures:
        assert (folder / picture).read_bytes() == (other / picture).read_bytes(), picture
    assert not list(folder.rglob(".part-*"))


def newest(folder: Path) -> str:
    return max(path.name for path in (folder / "checkpoints").iterdir())


def test_a_killed_run_ends_as_if_it_never_had_been(make_dataset: MakeDataset) -> None:
    data = make_dataset()
    # Between two checkpoints; in a checkpoint before it has its name and after; while the run ends.
    # The run itself goes back once on its way, from step 20 to 14.
    train_killed(data, {"twin": ["step:10", "fsync:9", "fsync:12", "step:8", "fsync:22"]})
    assert_same_run(only_run(data), only_run(data / "twin"))
    rows = pq.read_table(only_run(data) / "metrics.parquet").to_pylist()
    assert [row["step"] for row in rows if row["event"]] == [14]
    assert rows[-1]["lr_g"] == 1e-4
    assert 0 < rows[-1]["augment_p"] < 1


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_a_run_killed_at_any_file_it_publishes_ends_the_same(make_dataset: MakeDataset) -> None:
    data = make_dataset()
    kills = {f"twin{point}": [f"fsync:{point}"] for point in range(1, 45)}
    train_killed(data, kills)
    for twin in kills:
        assert_same_run(only_run(data), only_run(data / twin))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_asked_to_stop_saves_and_goes_on_from_there(
    make_dataset: MakeDataset, number: signal.Signals
) -> None:
    data = make_dataset()

    def stop_at_9(progress: TrainProgress) -> None:
        if progress.step == 9:
            signal.raise_signal(number)

    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt):
        train(TINY, "blobs", data, on_progress=stop_at_9)
    assert signal.getsignal(number) is before
    assert outlook(TINY, "blobs", data).step == 9
    stopped = train(TINY, "blobs", data)
    assert stopped.step == 20
    assert_same_run(train(TINY, "blobs", twin_of(data, "twin")).folder, stopped.folder)


def test_a_longer_run_goes_on_from_the_end_of_the_shorter(make_dataset: MakeDataset) -> None:
    data = make_dataset()
    first = train(replace(TINY, steps=8), "blobs", data)
    longer = outlook(TINY, "blobs", data)
    assert (longer.done, longer.step, longer.folder) == (False, 8, first.folder)
    second = train(TINY, "blobs", data)
    assert (second.folder, second.step, second.pictures_seen) == (first.folder, 20, 160)
    assert second.seconds > first.seconds
    straight = train(TINY, "blobs", twin_of(data, "twin")).folder / "generator.safetensors"
    ours, theirs = load_file(second.folder / "generator.safetensors"), load_file(straight)
    assert all(tensor.equal(theirs[key]) for key, tensor in ours.items())


def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(make_dataset: MakeDataset) -> None:
    data = make_dataset()
    folder = train(replace(TINY, steps=12), "blobs", data).folder
    last = folder / "checkpoints/0000012.safetensors"
    content = bytearray(last.read_bytes())
    content[-100] ^= 1
    last.write_bytes(content)
    steps: list[int] = []
    train(TINY, "blobs", data, on_progress=lambda progress: steps.append(progress.step))
    assert steps == list(range(7, 21))

"""What a training will take is told from runs of networks as large as its own, and of no others."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from flows import estimates, recipes
from models.trainer import train


@pytest.fixture
def trained(curated: Path) -> Path:
    """The recipe, with a run of its network behind it."""
    recipe = recipes.load(str(curated))
    train(recipe.train, recipe.name, curated.parent / "data")
    return curated


@pytest.mark.parametrize(
    ("changes", "known"),
    [
        ({"train.steps": 12}, True),
        ({"train.steps": 12, "train.base_channels": 8}, False),
        ({"train.steps": 12, "train.network": "dcgan-1024"}, False),
        ({"train.steps": 12, "curate.size": 32}, False),
    ],
)
def test_only_runs_alike_tell_how_long_another_takes(
    trained: Path, changes: dict[str, object], known: bool
) -> None:
    cost = estimates.training(trained.parent / "data", recipes.load(str(trained), changes), fresh=False)
    assert (cost.seconds is not None) == (cost.bytes is not None) == known


def test_twice_the_steps_take_twice_the_time(trained: Path) -> None:
    data = trained.parent / "data"
    six, twelve = (
        estimates.training(data, recipes.load(str(trained), {"train.steps": steps}), fresh=True)
        for steps in (6, 12)
    )
    assert six.seconds
    assert twelve.seconds == pytest.approx(2 * six.seconds)


def test_a_short_run_that_took_long_to_begin_does_not_count(trained: Path) -> None:
    data, recipe = trained.parent / "data", recipes.load(str(trained), {"train.steps": 12})
    before = estimates.training(data, recipe, fresh=True)
    other = recipes.load(str(trained), {"train.steps": 2, "train.seed": 1})
    slow = train(other.train, recipe.name, data, on_progress=lambda _: time.sleep(0.5))
    assert slow.seconds > 0.5
    assert estimates.training(data, recipe, fresh=True) == before

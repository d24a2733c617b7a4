"""`impasto status`: where everything stands, and what sets one run apart from another."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flows import cli, recipes
from models import run as runs
from models import trainer
from pipeline.curate.curate import curate
from pipeline.errors import TooFewPictures


def trained(recipe: Path, *changes: str) -> str:
    """The name of the run."""
    read, data = recipes.load(str(recipe), dict(one.split("=") for one in changes)), recipe.parent / "data"
    curate(read.curate, read.name, read.selections, data)
    folder = trainer.train(read.train, read.name, data).folder
    (folder / runs.RECIPE).write_text(read.to_toml())
    return folder.name


def test_runs_of_one_recipe_are_told_apart_by_the_keys_in_which_they_differ(
    scraped: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = str(scraped.parent / "data")
    first = trained(scraped)
    assert cli.main(["status", "--data", data, "--json"]) == 0
    assert [one["differs"] for one in json.loads(capsys.readouterr().out)["runs"]] == [{}]
    second = trained(scraped, "train.seed=7")
    third = trained(scraped, "train.seed=7", "train.batch_size=2")
    assert cli.main(["status", "--data", data, "--json"]) == 0
    assert {one["name"]: one["differs"] for one in json.loads(capsys.readouterr().out)["runs"]} == {
        first: {"train.seed": 0, "train.batch_size": 4},
        second: {"train.seed": 7, "train.batch_size": 4},
        third: {"train.seed": 7, "train.batch_size": 2},
    }
    (scraped.parent / "data" / "runs" / second / runs.RECIPE).write_text("= no recipe")
    assert cli.main(["status", "--data", data]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line}
    assert lines[first].endswith("train.batch_size=4 train.seed=0")
    assert lines[third].endswith("train.batch_size=2 train.seed=7")
    assert "=" not in lines[second]


def test_after_a_trial_that_kept_too_few_the_run_begun_before_goes_on(scraped: Path) -> None:
    name = trained(scraped)
    with pytest.raises(TooFewPictures):  # nothing drawn has a face
        trained(scraped, "curate.crop=face")
    assert trained(scraped) == name

"""`impasto forget`: out of everything at once, for good, and honest about what cannot unlearn."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from flows import cli, clients, recipes
from flows.orders import now
from models import trainer
from pipeline.acquire.acquire import acquire
from pipeline.curate.curate import curate


def curated(recipe: Path) -> dict[str, int]:
    """Curate, and give the number of every kept picture by its id in the source."""
    read, data = recipes.load(str(recipe)), recipe.parent / "data"
    curate(read.curate, read.name, read.selections, data)
    rows = pq.read_table(data / "processed/tiny/manifest.parquet").to_pylist()
    return {row["source_id"]: row["number"] for row in rows if row["status"] == "kept"}


def raw_row(recipe: Path, name: str) -> dict[str, object]:
    (path,) = (recipe.parent / "data").glob("raw/folder/*/manifest.parquet")
    return next(row for row in pq.read_table(path).to_pylist() if row["source_id"] == name)


def test_forgetting_takes_a_picture_out_of_everything_and_names_the_runs_that_saw_it(
    scraped: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = scraped.parent / "data"
    numbers = curated(scraped)
    folder = trainer.train(recipes.load(str(scraped)).train, "tiny", data).folder
    row = raw_row(scraped, "05.png")
    assert cli.main(["forget", str(scraped), "--image", str(row["image_id"]), "--data", str(data)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("pictures forgotten: 1;")
    assert str(folder) in said

    assert not list(data.rglob(f"*{row['image_id']}*"))
    assert raw_row(scraped, "05.png")["status"] == "forgotten"
    del numbers["05.png"]
    assert curated(scraped) == numbers
    recipe = recipes.load(str(scraped))
    with clients.client(data) as client:
        acquire(recipe.sources[0], data, client=client, now=now, anew=True)
    assert curated(scraped) == numbers


def test_what_another_recipe_fetched_is_not_looked_for(
    scraped: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = scraped.with_name("other.toml")
    other.write_text(scraped.read_text().replace('"pictures"', '"elsewhere"'))
    data = scraped.parent / "data"
    url = str(raw_row(scraped, "05.png")["source_url"])
    assert cli.main(["forget", str(other), "--url", url, "--data", str(data)]) == 2
    assert "no picture here has that" in capsys.readouterr().err
    assert raw_row(scraped, "05.png")["status"] == "fetched"
    assert cli.main(["forget", "--url", url, "--data", str(data)]) == 0
    assert raw_row(scraped, "05.png")["status"] == "forgotten"


def test_a_picture_to_forget_is_named_by_the_first_digits_of_its_image_id(
    scraped: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image, data = str(raw_row(scraped, "05.png")["image_id"]), str(scraped.parent / "data")
    for wrong, why in ((image[:7], "8 or more digits"), ("0123456789", "no picture here has that")):
        assert cli.main(["forget", "--image", wrong, "--data", data]) == 2
        assert f"--image = {wrong!r}: " in (said := capsys.readouterr().err)
        assert why in said
    assert cli.main(["forget", "--image", image[:8], "--data", data]) == 0
    assert raw_row(scraped, "05.png")["status"] == "forgotten"


def test_forgetting_nothing_named_is_a_mistake(scraped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["forget", str(scraped)]) == 2
    assert "--author" in capsys.readouterr().err

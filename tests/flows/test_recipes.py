"""Recipes: what is written in TOML is what runs, and what is wrong is said in one line."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows import overrides, recipes, sources, tables
from models.config import TrainConfig, defaults
from models.errors import ConfigError as TrainConfigError
from pipeline.errors import ConfigError, ImpastoError, MissingInput

ARTICLES = ("bonsai", "celeba", "infinite-art", "portraits", "sneakers")


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text('[[source]]\nkind = "folder"\npath = "pictures"\nlimit = 5\n[train]\nminutes = 2\n')
    return path


def test_what_the_file_says_is_what_the_recipe_holds(recipe: Path) -> None:
    loaded = recipes.load(str(recipe))
    assert loaded.name == "tiny"
    assert loaded.sources[0].limit == 5
    assert loaded.train.minutes == 2
    assert loaded.selections[0].source == "folder"


def test_a_path_in_the_file_counts_from_the_file_and_one_from_outside_from_here(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    assert recipes.load(str(recipe)).sources[0].path == tmp_path / "pictures"
    changed = recipes.load(str(recipe), {"source.path": "other"})
    assert changed.sources[0].path == here / "other"
    assert sources.single("folder", "other").path == here / "other"


def test_a_resolved_recipe_reads_back_as_itself(recipe: Path, tmp_path: Path) -> None:
    loaded = recipes.load(str(recipe), {"curate.size": "32", "source.refresh": "90m", "train.augment": "[]"})
    copy = tmp_path / "elsewhere" / "recipe.toml"
    copy.parent.mkdir()
    copy.write_text(loaded.to_toml())
    assert recipes.load(str(copy)) == loaded


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("curate.size", "128", 128),
        ("curate.crop", "pad", "pad"),
        ("curate.margin", "1", 1.0),
        ("train.lr_g", "1e-3", 1e-3),
        ("train.ema", "false", False),
        ("train.augment", '["mirror", "color"]', ("mirror", "color")),
        ("train.steps", 7, 7),
        ("train.init", "123", "123"),
    ],
)
def test_a_change_means_what_it_would_mean_in_toml(
    recipe: Path, key: str, value: object, expected: object
) -> None:
    section, _, name = key.partition(".")
    assert getattr(getattr(recipes.load(str(recipe), {key: value}), section), name) == expected


def test_a_change_of_length_replaces_the_length_that_the_recipe_had(recipe: Path) -> None:
    train = recipes.load(str(recipe), {"train.steps": "9"}).train
    assert (train.steps, train.minutes, train.epochs) == (9, None, None)


def test_a_source_is_changed_by_its_number_where_there_are_several(recipe: Path) -> None:
    recipe.write_text(recipe.read_text() + '[[source]]\nkind = "folder"\npath = "more"\n')
    assert [it.limit for it in recipes.load(str(recipe), {"source.1.limit": "3"}).sources] == [5, 3]
    with pytest.raises(ConfigError, match=r"source\.limit.*2 sources.*source\.1\.limit"):
        recipes.load(str(recipe), {"source.limit": "3"})


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("source.path", "", r"source\.path = '': need a path"),
        ("source.kind", "folders", r"source\.kind = 'folders': every kind has keys of its own"),
    ],
)
def test_a_change_of_a_source_that_cannot_be_is_refused(
    recipe: Path, key: str, value: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        recipes.load(str(recipe), {key: value})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[curate]\nsiz = 64", r"curate\.siz = 64: no such key; did you mean curate\.size\?"),
        ("[trian]\n", r"trian = \{\}: no such key; did you mean train\?"),
        ("[curate]\nsize = 65", r"curate\.size = 65: need a power of two from 16 to 512, e\.g\. 64"),
        ("[curate]\nsize = true", r"curate\.size = True: need a whole number"),
        ("[curate]\nmargin = 'wide'", r"curate\.margin = 'wide': need a number"),
        ("[train]\naugment = 'mirror'", r"train\.augment = 'mirror': need a list"),
        ("[train]\nsteps = 1\nminutes = 2", r"train\.minutes = 2\.0: steps is given too"),
        ("curate = 3", r"curate = 3: need a table: \[curate\]"),
        ("name = 'a/b'", r"name = 'a/b': need letters"),
        ("[curate", r"recipe = .*: not TOML: .*line 4"),
    ],
)
def test_a_mistake_is_named_with_its_remedy(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "wrong.toml"
    head, tail = ("", text) if text.startswith("[") else (text + "\n", "")
    path.write_text(f'{head}[[source]]\nkind = "folder"\npath = "."\n{tail}\n')
    with pytest.raises((ConfigError, TrainConfigError), match=message) as error:
        recipes.load(str(path))
    assert error.value.exit_code == 2
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "need at least one"),
        ("[source]\nkind = 'folder'", r"double brackets: \[\[source\]\]"),
        ("[[source]]\npath = '.'", r"source\.kind = None: need one of folder"),
        ("[[source]]\nkind = 'flickr'", r"source\.kind = 'flickr': need one of folder"),
        ("[[source]]\nkind = 'folder'", r"source\.path = None: source needs it"),
        ("[[source]]\nkind = 'folder'\npath = '.'\nrefresh = 24", r'refresh = 24: need a time such as "24h"'),
        ("[[source]]\nkind = 'folder'\npath = '.'\nlimmit = 4", r"source\.limmit = 4.*source\.limit"),
    ],
)
def test_a_mistake_in_a_source_is_named_with_its_remedy(tmp_path: Path, source: str, message: str) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(source)
    with pytest.raises(ConfigError, match=message):
        recipes.load(str(path))


@pytest.mark.parametrize(
    "key", ["curate.siz", "size", "source.pth", "curat.size", "source.9.limit", "curate"]
)
def test_a_change_of_a_key_that_nobody_knows_is_refused(recipe: Path, key: str) -> None:
    with pytest.raises(ConfigError):
        recipes.load(str(recipe), {key: "1"})


def test_a_recipe_that_is_not_there_names_the_nearest() -> None:
    with pytest.raises(MissingInput, match="did you mean sneakers"):
        recipes.find("snekers")
    with pytest.raises(MissingInput, match=r"there are .*quickstart"):
        recipes.find("/nowhere/at-all.toml")


def test_a_network_brings_its_own_defaults_and_the_recipe_has_the_last_word(recipe: Path) -> None:
    chosen = {"train.network": "modern", "train.beta1": "0.25"}
    loaded = recipes.load(str(recipe), chosen).train
    for key, value in {**defaults("modern"), "network": "modern", "beta1": 0.25}.items():
        assert getattr(loaded, key) == value, key
    assert recipes.load(str(recipe)).train == TrainConfig(minutes=2)
    written = recipe.with_name("whole.toml")
    written.write_text(recipes.load(str(recipe), chosen).to_toml())
    assert recipes.load(str(written)).train == loaded


def test_quickstart_loads() -> None:
    assert recipes.load().name == "quickstart"


@pytest.mark.parametrize("name", ARTICLES)
def test_an_articles_recipe_loads_and_trains(name: str) -> None:
    recipe = recipes.load(name)
    assert recipe.name == name
    assert recipe.selections
    assert recipe.train.network in recipe.to_toml()


def test_a_network_that_nobody_knows_is_answered_by_those_there_are(recipe: Path) -> None:
    with pytest.raises(TrainConfigError, match=r"train\.network = 'rembrandt': need one of .*dcgan"):
        recipes.load(str(recipe), {"train.network": "rembrandt"})


def test_the_environment_names_data_directory_and_pace(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("IMPASTO_DATA", raising=False)
    monkeypatch.delenv("IMPASTO_PACE", raising=False)
    monkeypatch.chdir(tmp_path)
    assert recipes.data_directory(None) == tmp_path / "data"
    assert recipes.pace() == 1
    monkeypatch.setenv("IMPASTO_DATA", "/elsewhere")
    monkeypatch.setenv("IMPASTO_PACE", "0.5")
    assert recipes.data_directory(None) == Path("/elsewhere")
    assert recipes.data_directory("mine") == tmp_path / "mine"
    assert recipes.pace() == 0.5


@pytest.mark.parametrize("value", ["fast", "-1", "nan", "inf"])
def test_a_pace_that_is_no_pace_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("IMPASTO_PACE", value)
    with pytest.raises(ImpastoError, match="IMPASTO_PACE"):
        recipes.pace()


def test_every_key_that_is_offered_is_known() -> None:
    for key in overrides.known_keys():
        overrides.check(key)
    overrides.check("source.3.limit")
    with pytest.raises(ConfigError, match=r"curate\.size"):
        overrides.check("curate.siz")


@dataclass(frozen=True, slots=True)
class Everything:
    text: str
    number: float
    count: int
    flag: bool
    words: tuple[str, ...]
    wait: dt.timedelta
    since: dt.date
    nothing: int | None = None


texts = st.text(st.characters(exclude_categories=["Cs"]))


@given(
    st.builds(
        Everything,
        text=texts,
        number=st.floats(allow_nan=False),
        count=st.integers(-(2**63), 2**63 - 1),
        flag=st.booleans(),
        words=st.lists(texts).map(tuple),
        wait=st.integers(0, 10**7).map(lambda seconds: dt.timedelta(seconds=seconds)),
        since=st.dates(),
    )
)
def test_whatever_a_config_holds_survives_toml(config: Everything) -> None:
    written = tables.to_toml("", tables.as_table(config))
    assert tables.build(Everything, tomllib.loads(written), "x", Path("/")) == config


def test_recipes_are_found_with_the_flows_folder_first_on_the_path() -> None:
    """As Prefect has it when it loads a flow by the path of its file."""
    code = (
        f"import sys; sys.path.insert(0, {str(Path(recipes.__file__).parent)!r})\n"
        "from flows import recipes; print(recipes.find('quickstart'))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert Path(said.strip()) == recipes.FOLDER / "quickstart.toml"


def test_two_lengths_on_the_command_line_are_a_mistake() -> None:
    with pytest.raises(ConfigError, match="steps is given too"):
        recipes.load("quickstart", {"train.steps": 2, "train.minutes": 1})

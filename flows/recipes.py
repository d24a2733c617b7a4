"""Recipes: TOML files that say what a run does, read into typed, checked configs.

The only module that reads recipes and the environment. A relative path counts from the recipe's own folder
when it stands in the file, and from the current folder when it comes with `--set` or an option.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows import overrides, tables
from flows.overrides import SECTIONS
from models.config import TrainConfig, defaults
from pipeline import store
from pipeline.acquire.source import SourceSpec
from pipeline.acquire.sources import SOURCES
from pipeline.curate.config import CurateConfig
from pipeline.errors import ConfigError, MissingInput
from pipeline.records import Selection

DEFAULT = "quickstart"
FOLDER = Path(__file__).resolve().parents[1] / "recipes"  # not imported: Prefect puts flows/ on sys.path


@dataclass(frozen=True, slots=True)
class Recipe:
    name: str  # also the dataset's
    sources: tuple[SourceSpec, ...]
    curate: CurateConfig
    train: TrainConfig

    @property
    def selections(self) -> tuple[Selection, ...]:
        return tuple(source.selection for source in self.sources)

    def to_toml(self) -> str:
        """The recipe with every key resolved; loading it gives this recipe again."""
        sources = [
            tables.to_toml("\n[[source]]", {"kind": source.kind, **tables.as_table(source)})
            for source in self.sources
        ]
        sections = [tables.to_toml(f"\n[{name}]", tables.as_table(getattr(self, name))) for name in SECTIONS]
        return tables.to_toml("", {"name": self.name}) + "".join([*sources, *sections])


def load(recipe: str = DEFAULT, changes: Mapping[str, object] | None = None) -> Recipe:
    """The recipe of that name or path, with `changes` by `section.key` put over what the file says.

    Raises MissingInput where there is no such file, ConfigError for what is wrong in it.
    """
    lengths = [key for key in changes or {} if key in overrides.LENGTHS]
    if len(lengths) > 1:
        raise ConfigError(lengths[1], (changes or {})[lengths[1]], f"{lengths[0]} is given too; keep one")
    path = find(recipe)
    table = _read(path)
    _check_sections(table)
    for key, value in (changes or {}).items():
        overrides.apply(table, key, value)
    base = path.resolve().parent
    return Recipe(
        name=_name(table.get("name", path.stem)),
        sources=tuple(
            source(entry, f"source.{index}" if len(table["source"]) > 1 else "source", base)
            for index, entry in enumerate(table["source"])
        ),
        curate=tables.build(CurateConfig, table.get("curate", {}), "curate", base),
        train=_training(table.get("train", {}), base),
    )


def training(network: str, changes: Mapping[str, object]) -> TrainConfig:
    """The settings of `network` without a recipe, with `changes` by `train.key`."""
    table: dict[str, Any] = {"train": {"network": network}}
    for key, value in changes.items():
        if not key.startswith("train."):
            raise ConfigError(key, value, "need a key of [train], e.g. train.base_channels=16")
        overrides.apply(table, key, value)
    return _training(table["train"], Path.cwd())


def source(table: Mapping[str, Any], where: str = "source", base: Path | None = None) -> SourceSpec:
    """The source that one `[[source]]` table describes."""
    keys = dict(table)
    kind = keys.pop("kind", None)
    if kind not in SOURCES:
        raise ConfigError(f"{where}.kind", kind, f"need one of {', '.join(SOURCES)}")
    return tables.build(SOURCES[kind], keys, where, base or Path.cwd())


def find(recipe: str) -> Path:
    """The file of a recipe: a path as it is, a bare word in the folder of recipes."""
    path = Path(recipe).expanduser()
    if path.suffix != ".toml" and len(path.parts) == 1:
        path = FOLDER / f"{recipe}.toml"
    if path.is_file():
        return path
    known = sorted(file.stem for file in FOLDER.glob("*.toml"))
    near = difflib.get_close_matches(recipe, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
    raise MissingInput(f"recipe {recipe}: no such recipe; {hint} (or give the path of a TOML file)")


def data_directory(given: str | os.PathLike[str] | None) -> Path:
    """Where raw pictures, datasets and runs are kept: as asked, else $IMPASTO_DATA, else ./data.

    Raises ConfigError, MissingInput for an address such as s3://bucket/data that cannot be used.
    """
    return store.located(given or os.environ.get("IMPASTO_DATA") or "data")


def with_runs(data: Path) -> Path:
    """`data`, where it can hold runs, too; raises ConfigError where it is an address."""
    if store.is_local(data):
        return data
    remedy = "copy processed/NAME from there into a data directory of this machine, and name that one"
    raise ConfigError("--data", str(data), f"pictures can lie there, training and its runs cannot: {remedy}")


def pace() -> float:
    """$IMPASTO_PACE: what every polite wait is multiplied by."""
    value = os.environ.get("IMPASTO_PACE", "1")
    try:
        factor = float(value)
    except ValueError:
        factor = -1
    if not 0 <= factor < float("inf"):
        raise ConfigError("IMPASTO_PACE", value, "need a number of 0 or more, e.g. 1")
    return factor


def launched() -> tuple[int, int] | None:
    """This process's number and how many there are, where torchrun or accelerate launch started several."""
    count = os.environ.get("WORLD_SIZE", "1")
    if "TORCHELASTIC_RUN_ID" not in os.environ or not count.isdecimal() or int(count) < 2:
        return None
    return int(os.environ["RANK"]), int(count)


def ca_bundle() -> str | None:
    """Certificates to trust, as $REQUESTS_CA_BUNDLE names them; $SSL_CERT_FILE is Python's own."""
    return os.environ.get("REQUESTS_CA_BUNDLE")


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError("recipe", str(path), f"not TOML: {error}") from error
    except OSError as error:
        raise MissingInput(f"recipe {path}: cannot be read ({error.strerror})") from error


def _training(table: Mapping[str, Any], base: Path) -> TrainConfig:
    return tables.build(TrainConfig, {**defaults(table.get("network")), **table}, "train", base)


def _check_sections(table: Mapping[str, Any]) -> None:
    """That the top holds what a recipe may hold, each in its shape."""
    known = ["name", "source", *SECTIONS]
    for key, value in table.items():
        if key not in known:
            raise tables.unknown(key, known, value)
        if key in SECTIONS and not isinstance(value, dict):
            raise ConfigError(key, value, f"need a table: [{key}]")
    sources = table.get("source", [])
    if not isinstance(sources, list) or not all(isinstance(entry, dict) for entry in sources):
        raise ConfigError("source", sources, "need tables in double brackets: [[source]]")
    if not sources:
        raise ConfigError("source", None, 'need at least one [[source]] with a kind, e.g. kind = "folder"')


def _name(name: object) -> str:
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
        raise ConfigError("name", name, "need letters, digits, - and _, e.g. portraits")
    return name

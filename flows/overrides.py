"""Changes to a recipe by `section.key`: from `--set` on the command line or `overrides` of a flow."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flows import tables
from models.config import TrainConfig
from pipeline.acquire.sources import SOURCES
from pipeline.curate.config import CurateConfig
from pipeline.errors import ConfigError

SECTIONS: dict[str, type[Any]] = {"curate": CurateConfig, "train": TrainConfig}

LENGTHS = ("train.steps", "train.epochs", "train.minutes")  # a recipe has one: a change replaces the others


def apply(table: dict[str, Any], key: str, value: object) -> None:
    """Put `value` at `key` (`name`, `curate.size`, `source.limit`, `source.1.limit`) of a recipe's table.

    Text means what it would mean in TOML where the key wants something other than text. Raises ConfigError
    for a key nobody knows, naming the nearest.
    """
    if key == "name":
        table["name"] = value
        return
    target, hints, name = _place(table, key, value)
    if name not in hints:
        raise tables.unknown(key, [f"{key.removesuffix(name)}{known}" for known in hints], value)
    if key in LENGTHS:
        for other in LENGTHS:
            target.pop(other.removeprefix("train."), None)
    target[name] = _value(value, hints[name])


def check(key: str, value: object = None) -> None:
    """Raise ConfigError, naming the nearest, where no recipe can have this key."""
    plain = re.sub(r"^source\.\d+\.", "source.", key)
    if plain not in known_keys():
        raise tables.unknown(key, known_keys(), value)


def known_keys() -> list[str]:
    """Every key that `apply` takes, those of sources without a number."""
    per_source = {key: None for spec in SOURCES.values() for key in tables.keys(spec)}
    per_section = [f"{name}.{key}" for name, config in SECTIONS.items() for key in tables.keys(config)]
    return ["name", *per_section, *(f"source.{key}" for key in per_source)]


def _place(table: dict[str, Any], key: str, value: object) -> tuple[dict[str, Any], dict[str, Any], str]:
    """The table that `key` means, the types of its keys, and the key's name within it."""
    section, _, name = key.partition(".")
    if name and section in SECTIONS:
        return table.setdefault(section, {}), tables.keys(SECTIONS[section]), name
    if not name or section != "source":
        raise tables.unknown(key, known_keys(), value)
    target, name = _source(table["source"], key, name)
    if name == "kind":
        raise ConfigError(key, value, "every kind has keys of its own; write a recipe with such a [[source]]")
    spec = SOURCES.get(target.get("kind", ""))
    return target, tables.keys(spec) if spec else {}, name


def _source(sources: Sequence[dict[str, Any]], key: str, name: str) -> tuple[dict[str, Any], str]:
    """The one source that `source.KEY` or `source.NUMBER.KEY` means, and the rest of the key."""
    number, _, rest = name.partition(".")
    if number.isdecimal() and int(number) < len(sources):
        return sources[int(number)], rest
    if not number.isdecimal() and len(sources) == 1:
        return sources[0], name
    example = f"source.{len(sources) - 1}.{rest if number.isdecimal() else name}"
    raise ConfigError(key, None, f"the recipe has {len(sources)} sources, counted from 0: say e.g. {example}")


def _value(value: object, hint: Any) -> object:
    if isinstance(value, str):
        value = tables.from_text(value, hint)
    if value and isinstance(value, str) and Path in tables.parts(hint):
        return str(Path.cwd() / Path(value).expanduser())
    return value

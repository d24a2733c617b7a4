"""Single sources by a short name, as `impasto scrape --NAME VALUE` and the flow scrape-account take them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from flows import overrides, recipes, tables
from pipeline.acquire.source import SourceSpec
from pipeline.acquire.sources import SOURCES
from pipeline.errors import ConfigError, MissingInput

# name → the kind of source, and which of its keys the value is for ("": it needs none)
_NAMES = {
    "instagram": ("instagram", "account"),
    "wikiart-artist": ("wikiart", "artist"),
    "wikiart-genre": ("wikiart", "genre"),
    "wikiart-style": ("wikiart", "style"),
    "folder": ("folder", "path"),
    "urls": ("urls", "path"),
    "gallery-dl": ("gallery-dl", "url"),
    "gallery": ("gallery", ""),
}


def offered() -> dict[str, tuple[str, str]]:
    """The names of the sources that this version has."""
    return {name: meaning for name, meaning in _NAMES.items() if meaning[0] in SOURCES}


def single(name: str, value: str, changes: Mapping[str, object] | None = None) -> SourceSpec:
    """The source called `name` with its account, artist, path …; `changes` by `source.key`."""
    if name not in offered():
        raise ConfigError("source", name, f"need one of {', '.join(offered())}")
    kind, key = offered()[name]
    table: dict[str, Any] = {"source": [{"kind": kind}]}
    for change, to in {f"source.{key}": value, **(changes or {})}.items():
        if not change.startswith("source."):
            raise ConfigError(change, to, "a single source has no such key; curate and train take a recipe")
        if change != "source.":
            overrides.apply(table, change, to)
    return recipes.source(table["source"][0])


def check_there(specs: Iterable[SourceSpec]) -> None:
    """Raise MissingInput where a source is a file or folder of this machine that is not there."""
    for spec in specs:
        if path := missing(spec):
            where = "say where it is, as by --set source.path=DIR"
            raise MissingInput(f"source.path = {str(path)!r}: no such file or folder; {where}")


def missing(spec: SourceSpec) -> Path | None:
    """The file or folder that the source names and that is not there."""
    paths = (value for value in tables.as_table(spec).values() if isinstance(value, Path))
    return next((Path(os.path.normpath(path)) for path in paths if not path.exists()), None)

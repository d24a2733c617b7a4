"""Single sources by a short name, as `impasto scrape --NAME VALUE` and the flow scrape-account take them."""

from __future__ import annotations

from typing import Any

from flows import recipes
from pipeline.acquire.source import SourceSpec
from pipeline.acquire.sources import SOURCES
from pipeline.errors import ConfigError

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


def single(name: str, value: str, limit: int | None = None, since: str | None = None) -> SourceSpec:
    """The source called `name` with its account, artist, path …; relative paths count from here."""
    if name not in offered():
        raise ConfigError("source", name, f"need one of {', '.join(offered())}")
    kind, key = offered()[name]
    given: dict[str, Any] = {key: value, "limit": limit, "since": since}
    return recipes.source({"kind": kind} | {key: value for key, value in given.items() if key and value})

"""What a source of pictures is: the interface that every entry of `sources.SOURCES` fills.

A recipe's `[[source]]` table becomes a spec (its keys, checked when built). A spec knows where its pictures
are kept without asking anybody; opened, it gives a source that lists pictures and fetches their bytes.
"""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Protocol

from pipeline.errors import ConfigError
from pipeline.records import Key, Listed, Selection

if TYPE_CHECKING:
    from pipeline.acquire.client import Client


@dataclass(frozen=True, slots=True)
class Doors:
    """What a source may use of the world outside; tests hand in their own."""

    client: Client
    now: Callable[[], dt.datetime]  # UTC
    state: Path  # a folder of the collection's own (sessions, frozen listings): data/raw/KIND/COLLECTION


@dataclass(frozen=True, slots=True)
class Memory:
    """What earlier runs know of this collection, so that a listing may stop early or go on."""

    known: frozenset[Key] = frozenset()  # every picture ever listed here
    complete: bool = False  # whether the last listing reached the end
    position: str | None = None  # where the last incomplete listing stopped, in the source's own words
    earlier: Sequence[Listed] = ()  # `known` as it was listed, in that order: need not be asked for again


class Found(NamedTuple):
    """Bytes that were not where they had been listed."""

    content: bytes
    source_url: str  # takes the place of Listed.source_url


class Source(Protocol):
    """One opened source. Runs in one thread, but for `fetch`, of which `parallel` may run at once."""

    parallel: int

    def list_pictures(self, memory: Memory) -> Iterator[Listed]:
        """Every picture there is, in the order of the source; raises SourceRefused where it says no."""
        ...

    def position(self) -> str | None:
        """Where the listing stands now, for Memory.position after an interruption; None: from the start.

        Asked after each picture; a listing that goes on from there gives every later picture again or first.
        """
        ...

    def fetch(self, picture: Listed) -> bytes | Found:
        """The bytes of one picture; raises PictureFault (a row) or SourceRefused (ends the run)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSpec(ABC):
    """The recipe keys that all kinds share; a kind adds its own and says what they must be."""

    kind: ClassVar[str]
    limit: int | None = field(default=None)  # most pictures from this source
    refresh: dt.timedelta = field(default=dt.timedelta(hours=24))  # age at which `run` lists again

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise ConfigError("source.limit", self.limit, "need 1 or more; leave it out for all pictures")
        if self.refresh < dt.timedelta(0):
            raise ConfigError("source.refresh", self.refresh, 'need a duration of 0 or more, e.g. "24h"')

    @property
    @abstractmethod
    def collection(self) -> str:
        """The folder under data/raw/KIND; depends on what is fetched, never on the recipe."""

    @property
    def host(self) -> str | None:
        """The site that is asked, where it is one; two runs do not ask it at the same time."""
        return None

    @property
    def scope(self) -> str:
        """The part of the collection that a listing of this spec covers ("since", say); the limit apart."""
        return ""

    def fingerprint(self) -> str | None:
        """What the source looks like now, where that can be told at once and without a network.

        While it stays the same nothing is listed again; None leaves that to the age of the last listing.
        """
        return None

    @property
    def selection(self) -> Selection:
        """The rows of the collection that this recipe uses."""
        return Selection(self.kind, self.collection, limit=self.limit)

    @abstractmethod
    def open(self, doors: Doors) -> AbstractContextManager[Source]:
        """Start what listing needs (a server, a login, an archive) and end it afterwards."""

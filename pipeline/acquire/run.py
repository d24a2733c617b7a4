"""One acquisition of one source: the listing, the fetching, and the end, whatever brings it."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from pipeline import store
from pipeline.acquire.client import Client
from pipeline.acquire.collection import Collection, as_listed, is_passing, is_unfinished
from pipeline.acquire.fetching import Fetching
from pipeline.acquire.journal import Journal
from pipeline.acquire.listing import COMPLETE, INTERRUPTED, Listing
from pipeline.acquire.source import Doors, Memory, Source, SourceSpec
from pipeline.errors import ConfigError, MissingInput, SourceRefused
from pipeline.records import Key, Listed, RawRow, Tick


@dataclass(frozen=True, slots=True)
class Acquired:
    listed: int = 0  # pictures that the source named in this run
    fetched: int = 0
    known: int = 0  # listed, and nothing was owed
    failed: int = 0
    skipped: int = 0
    reasons: dict[str, int] = field(default_factory=dict)  # of the failed
    outcome: str = COMPLETE


class Run:
    def __init__(
        self, spec: SourceSpec, known: Collection, client: Client, now: Callable[[], dt.datetime], tick: Tick
    ) -> None:
        self._spec, self._known, self._client, self._now, self._tick = spec, known, client, now, tick
        self._listing = known.listing or Listing(now())
        self._fingerprint: str | None = None
        self._seen = set[Key]()
        self._skipped = 0

    def go(self, owed: Sequence[RawRow], *, list_first: bool) -> Acquired:
        """List, if so asked, and fetch; `owed` are rows to be fetched whether they are listed or not."""
        outcome: str | None = INTERRUPTED
        # Before the source is opened: what changes from here on is seen as a change by the next run.
        self._fingerprint = self._spec.fingerprint()
        try:
            with self._spec.open(Doors(self._client, self._now, store.near(self._known.folder))) as source:
                done = self._work(source, owed, list_first=list_first)
            outcome = COMPLETE if self._listing.complete else self._listing.outcome
        except SourceRefused as refusal:
            outcome = refusal.slug
            raise
        except (ConfigError, MissingInput):
            outcome = None  # nobody was asked for anything: the last listing stands
            raise
        finally:
            self._end(outcome)
        return done

    def _work(self, source: Source, owed: Sequence[RawRow], *, list_first: bool) -> Acquired:
        with Journal(self._known.folder) as journal:
            fetching = Fetching(source, self._known, journal, self._now, self._tick)
            try:
                try:
                    if list_first:
                        self._list(source, journal, fetching)
                    for row in owed:
                        if row.key not in self._seen:
                            fetching.submit(as_listed(row), row.attempts)
                    fetching.finish()
                except SourceRefused:
                    with suppress(SourceRefused):
                        fetching.finish()  # what is listed may come from another host than refused
                    raise
            except KeyboardInterrupt:
                self._client.stop()
                raise
            finally:
                fetching.stop()
        return Acquired(
            listed=len(self._seen),
            fetched=fetching.outcomes["fetched"],
            known=fetching.passed_by - self._skipped,
            failed=fetching.outcomes["failed"],
            skipped=self._skipped + fetching.outcomes["skipped"],
            reasons=dict(fetching.reasons.most_common()),
        )

    def _end(self, outcome: str | None) -> None:
        if outcome is not None:
            with Journal(self._known.folder) as journal:
                journal.listing(dataclasses.replace(self._listing, outcome=outcome))
        self._known.fold()

    def _list(self, source: Source, journal: Journal, fetching: Fetching) -> None:
        """Every picture into the journal, in order; what is owed of them on its way."""
        memory = self._memory()
        self._listing = self._begin(memory)
        journal.listing(self._listing)
        for picture in map(_clean, source.list_pictures(memory)):
            if picture.key in self._seen:
                continue
            self._seen.add(picture.key)
            self._take(picture, journal, fetching)
            if self._advance(picture, memory, source.position(), journal):
                break
        self._listing = dataclasses.replace(self._listing, complete=True, position=None)
        journal.listing(self._listing)

    def _memory(self) -> Memory:
        """What the source may build on; a listing of another part of the collection is none of that."""
        last, rows = self._known.listing, self._known.rows
        memory = Memory(frozenset(rows), earlier=[as_listed(row) for row in rows.values()])
        if last is None or last.scope != self._spec.scope:
            return memory
        reached_end = last.complete and not last.cut
        position = None if last.complete else last.position
        return dataclasses.replace(memory, complete=reached_end, position=position)

    def _begin(self, memory: Memory) -> Listing:
        fresh = Listing(
            self._now(),
            limit=self._spec.limit,
            scope=self._spec.scope,
            fingerprint=self._fingerprint,
        )
        last = self._known.listing
        if last is None or memory.position is None:
            return fresh
        return dataclasses.replace(fresh, at=last.at, position=last.position, listed=last.listed)

    def _take(self, picture: Listed, journal: Journal, fetching: Fetching) -> None:
        row = self._known.rows.get(picture.key)
        if row is None or row.status in {"failed", "skipped"}:
            journal.listed(picture)
        if picture.skip is None and self._is_owed(row, picture):
            fetching.submit(picture, row.attempts if row else 0)
        else:
            self._skipped += picture.skip is not None
            fetching.pass_by()

    def _is_owed(self, row: RawRow | None, picture: Listed) -> bool:
        if row is None:
            return True
        if row.status == "forgotten":
            return False
        if row.status == "skipped":
            return row.attempts == 0  # the listing no longer says so; what the bytes' answer said holds
        changed = picture.version is not None and picture.version != row.version
        return changed or self._known.is_doubtful(row) or is_unfinished(row) or is_passing(row)

    def _advance(self, picture: Listed, memory: Memory, position: str | None, journal: Journal) -> bool:
        """Note how far the listing is; whether its limit is reached."""
        row = self._known.rows.get(picture.key)
        # A listing that goes on may repeat what it gave before it was interrupted: that counted then.
        counted_before = row is not None and memory.position is not None
        is_ours = picture.skip is None and (row is None or row.status != "forgotten")
        listed = self._listing.listed + (is_ours and not counted_before)
        moved = position != self._listing.position
        cut = self._spec.limit is not None and listed >= self._spec.limit
        self._listing = dataclasses.replace(self._listing, listed=listed, position=position, cut=cut)
        if moved:
            journal.listing(self._listing)
        return cut


def _clean(picture: Listed) -> Listed:
    """Texts of the other side as any file can hold them: without lone surrogates."""
    texts = ((field.name, getattr(picture, field.name)) for field in dataclasses.fields(picture))
    clean: dict[str, Any] = {
        name: text.encode("utf-8", "replace").decode()
        for name, text in texts
        if isinstance(text, str) and not text.isascii()
    }
    return dataclasses.replace(picture, **clean) if clean else picture

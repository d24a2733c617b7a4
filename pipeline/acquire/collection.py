"""A collection on disk: its rows, its last listing, its files; and how a journal becomes part of them."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from pipeline import manifest, store
from pipeline.acquire import decode_check, journal, listing
from pipeline.acquire.journal import Outcome
from pipeline.acquire.listing import COMPLETE, Listing
from pipeline.records import LISTING_REASONS, PICTURE_REASONS, Key, Listed, RawRow, Selection

_META = {"stage": "acquire", "version": "1"}
_LISTED = tuple(field.name for field in dataclasses.fields(Listed) if field.name not in {"skip", "version"})
# A name that leads into a private network may lead elsewhere by the next listing.
_PASSING = frozenset({"network", "timeout", "truncated", "unreadable", "unsafe_address"})
# What a site that is about to block us answers for a picture; until a run ends well it is not believed.
_SAID_TO_THE_BLOCKED = frozenset({"http_error", "not_an_image"})
_NEVER_TRIED = frozenset({"interrupted"}) | (LISTING_REASONS - PICTURE_REASONS)


class Collection:
    """Rows in order of first listing."""

    def __init__(self, data: Path, source: str, name: str) -> None:
        self.data = data
        self.folder = manifest.raw_folder(data, source, name)
        table = manifest.read(self._manifest, RawRow)
        self.rows: dict[Key, RawRow] = {row.key: row for row in manifest.rows(table, RawRow)}
        self.listing = listing.read(self.folder)
        self.forgotten = frozenset[str]()  # image_ids that are not kept, wherever they come from

    @property
    def _manifest(self) -> Path:
        return self.folder / manifest.NAME

    def has_journal(self) -> bool:
        """Whether an acquisition was killed here (or runs now)."""
        return journal.path(self.folder).exists()

    def fold(self) -> None:
        """Take the journal into the manifest and listing.json, then remove it; twice is the same as once."""
        if not self.has_journal():
            return
        rows, last = dict(self.rows), self.listing
        new = set[Key]()
        for entry in journal.read(self.folder):
            if isinstance(entry, Listing):
                last = entry
            elif isinstance(entry, Listed):
                if entry.key not in rows:
                    new.add(entry.key)
                    last = last and dataclasses.replace(last, listed=last.listed + (entry.skip is None))
                rows[entry.key] = _row(rows.get(entry.key), entry)
            else:
                _settle(rows, *entry)
        if last is not None and last.outcome in LISTING_REASONS:
            for key in new:
                if rows[key].reason == "interrupted":
                    rows[key] = dataclasses.replace(rows[key], reason=last.outcome)
        elif last is not None and last.complete and not any(map(is_unfinished, rows.values())):
            last = dataclasses.replace(last, outcome=COMPLETE)  # though killed before it could say so
        self.publish(rows, last)
        journal.path(self.folder).unlink()

    def publish(self, rows: dict[Key, RawRow], last: Listing | None) -> None:
        """Write what changed: pictures first, then the manifest that vouches for them, then listing.json."""
        if rows != self.rows or not self._manifest.exists():
            news = (row for key, row in rows.items() if self.rows.get(key) != row)
            paths = [row.path for row in news if row.path]
            store.persist(self.data, [path for path in paths if (self.data / path).exists()])
            manifest.write(manifest.table(rows.values(), RawRow), self._manifest, _META)
        self.rows = rows
        if last is not None:
            listing.write(self.folder, last, Counter(row.status for row in rows.values()))
        self.listing = last

    def owed(self, selection: Selection, *, passing: bool) -> list[RawRow]:
        """Rows whose bytes are still to be fetched, of those that `selection` uses.

        `passing`: also those whose last attempt failed of something that may have passed.
        """
        rows = (row for row in self.rows.values() if _included(row, selection.include))
        found = list[RawRow]()
        counted = 0
        cap = self._cap(selection.limit)
        for row in rows:
            is_owed = self.is_doubtful(row) or is_unfinished(row) or (passing and is_passing(row))
            counted += is_owed or row.status == "fetched"
            if cap is not None and counted > cap:
                break
            if is_owed:
                found.append(row)
        return found

    def is_doubtful(self, row: RawRow) -> bool:
        """Whether what the row says may be wrong: its file is gone, or a site that shut us out said it."""
        if row.key in self.missing:
            return True
        shut_out = self.listing is not None and self.listing.outcome == "soft_blocked"
        return shut_out and row.status == "failed" and row.reason in _SAID_TO_THE_BLOCKED

    @functools.cached_property
    def missing(self) -> set[Key]:
        """Fetched rows whose file is not there whole."""
        sizes = dict(_sizes(self.folder))
        return {
            row.key
            for row in self.rows.values()
            if row.status == "fetched" and row.path and sizes.get(row.path.rpartition("/")[2]) != row.bytes
        }

    def keep(self, content: bytes) -> Outcome:
        """Check and store one picture's bytes; raises PictureFault where they are none."""
        shape = decode_check.inspect(content)
        image_id = hashlib.sha256(content).hexdigest()
        if image_id in self.forgotten:
            return Outcome("forgotten", image_id=image_id, detail="the same bytes as a forgotten picture")
        path = self.folder / image_id[:2] / f"{image_id}.{shape.suffix}"
        if not path.exists() or path.stat().st_size != len(content):
            store.write_bytes(path, content, durable=False)  # see publish
        return Outcome(
            "fetched",
            image_id=image_id,
            path=path.relative_to(self.data).as_posix(),
            bytes=len(content),
            width=shape.width,
            height=shape.height,
            format=shape.format,
        )

    def sweep(self) -> None:
        """Remove what a killed process left half-written."""
        store.sweep(self.folder)
        for folder in _shards(self.folder):
            store.sweep(folder)

    def _cap(self, limit: int | None) -> int | None:
        """Most pictures to go for: who asks for less than was listed leaves the rest to others."""
        last = self.listing
        is_less = last is not None and (last.limit is None or (limit is not None and limit < last.limit))
        return limit if is_less else None


def is_unfinished(row: RawRow) -> bool:
    """Listed, but its bytes were never asked for to the end: an interruption or a refusal came between."""
    if row.status != "failed":
        return False
    return row.reason in _NEVER_TRIED or (row.attempts == 0 and row.reason in LISTING_REASONS)


def is_passing(row: RawRow) -> bool:
    """Failed of something that another day may not bring."""
    if row.status != "failed":
        return False
    return row.reason in _PASSING or (row.reason == "http_error" and (row.detail or "").startswith("HTTP 5"))


def as_listed(row: RawRow) -> Listed:
    """What a source said of a row, for when its bytes are fetched without listing anew."""
    said = {name: getattr(row, name) for name in _LISTED}
    return Listed(**said, skip=row.reason if row.status == "skipped" else None, version=row.version)


def _row(row: RawRow | None, picture: Listed) -> RawRow:
    """The row of a listed picture before its bytes are there; one that is settled stays as it is."""
    said = {name: getattr(picture, name) for name in _LISTED}
    if row is not None and row.status in {"fetched", "forgotten"}:
        return row
    if row is not None and picture.skip == (row.reason if row.status == "skipped" else None):
        # A row that was tried keeps the version that was: by that it is seen to have changed.
        return dataclasses.replace(
            row, **said, version=picture.version if is_unfinished(row) else row.version
        )
    return RawRow(
        **said,
        image_id=None,
        fetched_at=None,
        path=None,
        bytes=None,
        width=None,
        height=None,
        format=None,
        status="skipped" if picture.skip else "failed",
        reason=picture.skip or "interrupted",
        detail=None,
        attempts=row.attempts if row else 0,
        version=picture.version,
    )


def _settle(rows: dict[Key, RawRow], key: Key, outcome: Outcome) -> None:
    if key in rows:  # else somebody removed the manifest under a journal
        changes = {field.name: getattr(outcome, field.name) for field in dataclasses.fields(outcome)}
        changes["source_url"] = outcome.source_url or rows[key].source_url
        rows[key] = dataclasses.replace(rows[key], **changes)


def _included(row: RawRow, globs: Sequence[str]) -> bool:
    return not globs or any(fnmatchcase(row.source_id, glob) for glob in globs)


def _shards(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from (entry for entry in folder.iterdir() if len(entry.name) == 2 and entry.is_dir())


def _sizes(folder: Path) -> Iterator[tuple[str, int]]:
    with store.requests(folder) as each:
        for sizes in each(store.sizes, _shards(folder)):
            yield from sizes.items()

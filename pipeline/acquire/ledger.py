"""What we asked of whom and when, and who told us to stay away until when: kept over restarts.

One SQLite file per data directory (data/raw/ledger.sqlite). Rate windows such as "200 in 11 minutes" and the
end of a block hold for the next start too, which is what keeps an address from being banned.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import MissingInput

NAME = "ledger.sqlite"  # under data/raw
PAUSE = "pause"  # slug of a hold that is waited out; every other slug refuses without a request

_KEEP_S = 24 * 3600.0  # the longest window anybody may ask about
_BATCH = 100  # requests that may be lost if the machine stops: pictures come too often for a commit each
_TABLES = """
CREATE TABLE IF NOT EXISTS requests (host TEXT NOT NULL, kind TEXT NOT NULL, at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS requests_by_host ON requests (host, kind, at);
CREATE TABLE IF NOT EXISTS holds
    (host TEXT PRIMARY KEY, until REAL NOT NULL, slug TEXT NOT NULL, message TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Hold:
    """No request goes to the host before `until` (UTC)."""

    until: dt.datetime
    slug: str  # PAUSE, or one of records.LISTING_REASONS
    message: str  # what the host said, in one line


class Ledger:
    """Thread-safe. `path` None keeps it in memory."""

    def __init__(self, path: Path | None, now: Callable[[], dt.datetime]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._unsaved = 0
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._db = sqlite3.connect(path or ":memory:", check_same_thread=False, timeout=30)
            self._db.executescript(_TABLES)
            self._db.execute("DELETE FROM requests WHERE at < ?", (self._seconds() - _KEEP_S,))
            self._db.commit()
        except sqlite3.Error as error:
            raise MissingInput(f"{path}: not a usable ledger ({error}); move it away, run again") from error

    def record(self, host: str, kind: str, *, durable: bool = True) -> None:
        """A request of this kind goes out now; `durable=False` may be forgotten by a crash, and is cheap."""
        with self._lock:
            self._db.execute("INSERT INTO requests VALUES (?, ?, ?)", (host, kind, self._seconds()))
            self._unsaved += 1
            if durable or self._unsaved >= _BATCH:
                self._save()

    def wait_needed(self, host: str, kind: str, limit: int, window_s: float) -> float:
        """Seconds until one more request keeps within `limit` per `window_s`; 0 when it may go now.

        `kind` may be a GLOB pattern (`graphql*`) to count several kinds together. Windows: at most 24 hours.
        """
        now = self._seconds()
        query = (
            "SELECT at FROM requests WHERE host = ? AND kind GLOB ? AND at > ? "
            "ORDER BY at DESC LIMIT 1 OFFSET ?"
        )
        with self._lock:
            row = self._db.execute(query, (host, kind, now - window_s, limit - 1)).fetchone()
        return 0.0 if row is None else float(max(0.0, row[0] + window_s - now))

    def hold(self, host: str, until: dt.datetime, slug: str, message: str = "") -> None:
        """Stay away from `host` until then; a later end than the one known counts."""
        upsert = (
            "INSERT INTO holds VALUES (?, ?, ?, ?) ON CONFLICT (host) DO UPDATE "
            "SET until = excluded.until, slug = excluded.slug, message = excluded.message "
            "WHERE excluded.until >= until OR slug = ?"
        )
        with self._lock:
            self._db.execute(upsert, (host, until.timestamp(), slug, message, PAUSE))
            self._save()

    def held(self, host: str) -> Hold | None:
        """The hold on `host` that has not ended yet."""
        query = "SELECT until, slug, message FROM holds WHERE host = ? AND until > ?"
        with self._lock:
            row = self._db.execute(query, (host, self._seconds())).fetchone()
        return None if row is None else Hold(dt.datetime.fromtimestamp(row[0], dt.UTC), row[1], row[2])

    def release(self, host: str | None = None) -> None:
        """Forget the hold on `host`, or on all hosts: the user insists."""
        with self._lock:
            self._db.execute("DELETE FROM holds WHERE ?1 IS NULL OR host = ?1", (host,))
            self._save()

    def close(self) -> None:
        """Twice is the same as once."""
        with self._lock, contextlib.suppress(sqlite3.ProgrammingError):
            self._save()
            self._db.close()

    def _save(self) -> None:
        self._db.commit()
        self._unsaved = 0

    def _seconds(self) -> float:
        return self._now().timestamp()

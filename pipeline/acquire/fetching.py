"""Pictures on their way: a few at once, each checked, stored and journaled by the thread that fetched it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from pipeline.acquire.collection import Collection
from pipeline.acquire.journal import Journal, Outcome
from pipeline.acquire.source import Found, Source
from pipeline.errors import PictureFault
from pipeline.records import Listed, Tick

_LEFT_ALONE = frozenset({"opted_out"})  # no failures: trying again is nothing to wish for
_AHEAD = 16  # pictures per thread that a listing may run ahead: addresses of some sources expire


class Fetching:
    """Every method but `_fetch` is for one thread; what a fetch raised comes out of the next call."""

    def __init__(
        self,
        source: Source,
        collection: Collection,
        journal: Journal,
        now: Callable[[], dt.datetime],
        tick: Tick,
    ) -> None:
        self._source, self._collection, self._journal = source, collection, journal
        self._now, self._tick = now, tick
        self._pool = ThreadPoolExecutor(source.parallel, "fetch")
        self._room = threading.Semaphore(_AHEAD * source.parallel)
        self._lock = threading.Lock()
        self._error: BaseException | None = None
        self._stopped = False
        self._submitted = 0
        self._total: int | None = None  # known once all are submitted
        self.passed_by = 0
        self.outcomes: Counter[str] = Counter()  # by status
        self.reasons: Counter[str] = Counter()  # of the failed

    def submit(self, picture: Listed, attempts_before: int) -> None:
        """Fetch `picture` soon; waits while too many are on their way."""
        self._room.acquire()
        self._raise_error()
        self._submitted += 1
        self._pool.submit(self._fetch, picture, attempts_before)

    def pass_by(self) -> None:
        """A listed picture that needs no fetching."""
        with self._lock:
            self.passed_by += 1
            self._report()

    def finish(self) -> None:
        """Wait until all are there."""
        with self._lock:
            self._total = self.passed_by + self._submitted
            self._report()
        self._pool.shutdown(wait=True)
        self._raise_error()

    def stop(self) -> None:
        """Begin no more; wait for those on their way."""
        self._stopped = True
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _fetch(self, picture: Listed, attempts_before: int) -> None:
        try:
            if not self._stopped and (outcome := self._outcome(picture, attempts_before + 1)) is not None:
                self._journal.outcome(picture.key, outcome)
                with self._lock:
                    self.outcomes[outcome.status] += 1
                    if outcome.status == "failed" and outcome.reason:
                        self.reasons[outcome.reason] += 1
                    self._report()
        except BaseException as error:  # the run's own thread raises it
            self._error = self._error or error
            self._stopped = True
        finally:
            self._room.release()

    def _outcome(self, picture: Listed, attempts: int) -> Outcome | None:
        """None where the run was stopped before the bytes were there."""
        began = self._now()
        try:
            answer = self._source.fetch(picture)
            found = answer if isinstance(answer, Found) else Found(answer, picture.source_url)
            outcome = dataclasses.replace(self._collection.keep(found.content), source_url=found.source_url)
        except PictureFault as fault:
            if fault.slug == "interrupted":
                return None
            status = "skipped" if fault.slug in _LEFT_ALONE else "failed"
            outcome = Outcome(status, reason=fault.slug, detail=_line(fault.detail))
        return dataclasses.replace(
            outcome,
            attempts=attempts,
            version=picture.version,
            fetched_at=began if outcome.status == "fetched" else None,
        )

    def _report(self) -> None:
        self._tick(self.passed_by + self.outcomes.total(), self._total)

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error


def _line(text: str) -> str | None:
    """One line for a person, that any file can hold."""
    clean = " ".join(text.split()).encode("utf-8", "replace").decode()
    return clean[:300] or None

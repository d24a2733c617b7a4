"""Every request that impasto itself sends: paced per host, retried where that can help, never while held off.

A listing asks with `get` and ends with SourceRefused; a picture is asked for with `picture` and becomes a
PictureFault, unless its host refuses us altogether: then SourceRefused too, at once and without a request.
"""

from __future__ import annotations

import datetime as dt
import itertools
import random as dice
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from urllib.parse import urljoin

from urllib3.exceptions import HTTPError, LocationParseError
from urllib3.util import parse_url

from pipeline.acquire import decode_check, faults
from pipeline.acquire.faults import Fault
from pipeline.acquire.ledger import Ledger
from pipeline.acquire.manners import TIMEOUTS, Manners, Timeouts, manners_for
from pipeline.acquire.pacing import Pacer
from pipeline.acquire.standing import Standing
from pipeline.acquire.transport import (
    BodyTooLarge,
    BodyTruncated,
    Response,
    Stopped,
    Transport,
    UnsafeAddress,
)
from pipeline.errors import PictureFault, SourceRefused

__all__ = ["Client", "Response", "host_of"]

ATTEMPTS = 4
REDIRECTS = 5
PAGE_BYTES = 32 * 2**20
PICTURE_BYTES = 64 * 2**20

Check = Callable[[Response], None]


@dataclass(frozen=True, slots=True)
class _Request:
    url: str
    kind: str
    headers: Mapping[str, str]
    max_bytes: int
    check: Check | None
    method: str = "GET"
    body: bytes | None = field(default=None, repr=False)
    public_only: bool = False


class Client:
    """Thread-safe; one per run, so that all sources share its pace.

    A request's `check` sees every answer first, whatever its status, redirects included, and may raise:
    SourceRefused or PictureFault end the request at once, but PictureFault("truncated") asks again.
    """

    def __init__(
        self,
        *,
        ledger: Ledger | None = None,  # None: one in memory
        pace: float = 1.0,  # multiplies every wait but those that a server named
        sleep: Callable[[float], object] | None = None,  # None: real waits, which `stop` ends
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
        random: dice.Random | None = None,
        user_agent: str | None = None,
        timeouts: Timeouts = TIMEOUTS,
        manners: Callable[[str], Manners] = manners_for,
        ca_bundle: str | None = None,  # None: the system's certificates, or SSL_CERT_FILE
    ) -> None:
        self.ledger = ledger or Ledger(None, now)
        self._now = now
        random = random or dice.Random()
        self._user_agent = user_agent or f"impasto/{version('impasto')} (makes picture datasets; paced)"
        self._transport = Transport(timeouts, clock, ca_bundle)
        self._sleep_for = sleep or self._transport.stopped.wait
        self._own_manners: dict[str, Manners] = {}
        self._pacer = Pacer(
            lambda host: self._own_manners.get(host) or manners(host),
            pace=pace,
            sleep=self._sleep,
            clock=clock,
            dice=random,
        )
        self._standing = Standing(self.ledger, self._pacer, now, random)

    def get(
        self,
        url: str,
        *,
        kind: str = "page",
        headers: Mapping[str, str] | None = None,
        method: str = "GET",
        body: bytes | None = None,
        check: Check | None = None,
        max_bytes: int = PAGE_BYTES,
    ) -> Response:
        """A page of a listing; raises SourceRefused with a slug of LISTING_REASONS."""
        sent = {"Accept-Encoding": "gzip", **(headers or {})}
        host, answer = self._ask(_Request(url, kind, sent, max_bytes, check, method, body))
        if isinstance(answer, Response):
            return answer
        if answer.listing == "soft_blocked":
            raise self._standing.refuse(host, "soft_blocked", f"it forbids us to list ({answer.detail})")
        raise SourceRefused(answer.listing, f"{host}: {answer.detail} ({url})")

    def picture(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        check: Check | None = None,
        public_only: bool = False,
        max_bytes: int = PICTURE_BYTES,
    ) -> bytes:
        """A picture's bytes as sent; `public_only` refuses hosts within private networks.

        Raises PictureFault, or SourceRefused where the host refuses us altogether.
        """

        def look(answer: Response) -> None:
            if check is not None:
                check(answer)
            if answer.status == 200 and not _tells_its_length(answer):
                decode_check.inspect(answer.body)

        sent = {"Accept-Encoding": "identity", **(headers or {})}
        try:
            _, answer = self._ask(_Request(url, "picture", sent, max_bytes, look, public_only=public_only))
        except Stopped:
            raise PictureFault("interrupted", "the run was stopped") from None
        if isinstance(answer, Response):
            return answer.body
        raise PictureFault(answer.picture, answer.detail)

    def refuse(self, host: str, slug: str, message: str, until: dt.datetime | None = None) -> SourceRefused:
        """`host` (as host_of gives it) refused us: nothing goes there before `until`, in later runs neither.

        Gives the error to raise.
        """
        return self._standing.refuse(host, slug, message, until)

    def set_manners(self, host: str, manners: Manners) -> None:
        """For a source whose host is its own; before the first request to it."""
        self._own_manners[host] = manners

    def wait(self, host: str, seconds: float) -> None:
        """Let the caller wait by our own choice, so that pace counts: a source's windows, say."""
        self._pacer.back_off(host, seconds)

    def stop(self) -> None:
        """End every wait and every exchange in flight; all requests fail from now on."""
        self._transport.stop()

    def close(self) -> None:
        self._transport.close()
        self.ledger.close()

    def _ask(self, request: _Request) -> tuple[str, Response | Fault]:
        """One request with its retries: the host asked last, and its answer or the fault that remained."""
        for attempt in itertools.count(1):
            host, answer = self._try(request, attempt)
            if isinstance(answer, Response):
                self._standing.answered(host)
                break
            if not answer.passing or attempt == ATTEMPTS:
                break
            self._standing.rest(host, answer, attempt)
        return host, answer

    def _try(self, request: _Request, attempt: int) -> tuple[str, Response | Fault]:
        """One attempt, redirects followed: each hop has its own host, turn and checks."""
        host = ""
        try:
            for _ in range(REDIRECTS + 1):
                host = host_of(request.url)
                answer = self._send(host, request, attempt)
                if not isinstance(answer, _Request):
                    return host, answer
                request = answer
        except LocationParseError as error:
            return host, faults.of_exception(error)
        return host, Fault("http_error", "server_error", f"more than {REDIRECTS} redirects")

    def _send(self, host: str, request: _Request, attempt: int) -> Response | Fault | _Request:
        self._standing.check(host)
        with self._pacer.turn(host, request.kind):
            self._standing.check(host)  # others may have been refused while we waited
            self.ledger.record(host, request.kind, durable=request.kind != "picture")
            answer = self._exchange(request)
            if isinstance(answer, Fault):
                # Before the turn ends: whoever is next must not go where we have just been sent away.
                self._standing.heed(host, answer, attempt, last=attempt == ATTEMPTS)
            return answer

    def _exchange(self, request: _Request) -> Response | Fault | _Request:
        """What one exchange brought; a request is the next hop of a redirect."""
        try:
            answer = self._transport.exchange(
                request.method,
                request.url,
                {"User-Agent": self._user_agent, **request.headers},
                request.body,
                max_bytes=request.max_bytes,
                public_only=request.public_only,
            )
            if request.check is not None:
                request.check(answer)
            return _next_hop(request, answer) or faults.of_answer(answer, self._now()) or answer
        except PictureFault as error:
            if error.slug != "truncated":
                raise
            return faults.of_exception(BodyTruncated(error.detail))
        except (HTTPError, UnsafeAddress, BodyTooLarge, BodyTruncated, OSError) as error:
            if self._transport.stopped.is_set():
                raise Stopped from error
            return faults.of_exception(error)

    def _sleep(self, seconds: float) -> None:
        self._sleep_for(seconds)
        if self._transport.stopped.is_set():
            raise Stopped


def host_of(url: str) -> str:
    """The host as pacing and ledger know it: lower case, with `:port` where that is not the scheme's own."""
    parts = parse_url(url)
    if parts.scheme not in {"http", "https"} or not parts.host:
        raise LocationParseError(url)
    usual = {"http": 80, "https": 443}[parts.scheme]
    return parts.host if parts.port in {None, usual} else f"{parts.host}:{parts.port}"


def _tells_its_length(answer: Response) -> bool:
    """Whether HTTP itself notices when the body breaks off."""
    return "Content-Length" in answer.headers or "chunked" in answer.headers.get("Transfer-Encoding", "")


def _next_hop(request: _Request, answer: Response) -> _Request | None:
    """Where a redirect leads; secrets stay with the host they were meant for."""
    target = answer.headers.get("Location")
    if answer.status not in {301, 302, 303, 307, 308} or not target:
        return None
    url = urljoin(request.url, target)
    headers = request.headers
    if host_of(url) != host_of(request.url):
        private = {"authorization", "cookie"}
        headers = {name: value for name, value in headers.items() if name.lower() not in private}
    if answer.status in {307, 308} or request.method == "GET":
        return replace(request, url=url, headers=headers)
    return replace(request, url=url, headers=headers, method="GET", body=None)

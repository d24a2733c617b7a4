"""Real instaloader over our own client: its sessions send through `Bridge`.

So pace, retries, Retry-After and holds are the client's, and every answer passes the judge first.
"""

from __future__ import annotations

import datetime as dt
import io
import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import instaloader
import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPHeaderDict, HTTPResponse

from pipeline.acquire.client import Client, Response
from pipeline.acquire.instagram_judge import Judge
from pipeline.acquire.instagram_rates import HOST, LedgerRates, kind_of

_log = logging.getLogger(__name__)


class Context(instaloader.InstaloaderContext):
    """Instaloader's context with our transport under every session and our ledger behind its rate windows."""

    def __init__(self, client: Client, now: Callable[[], dt.datetime]) -> None:
        self._judge = Judge(client, now)
        self._bridge = Bridge(client, self._judge)  # before the base class, which makes a session at once
        super().__init__(
            sleep=False,  # the client keeps the gaps
            quiet=True,
            max_connection_attempts=1,  # the client asks again where that can help
            iphone_support=False,  # one more query per post for more pixels than a crop needs
            rate_controller=lambda context: LedgerRates(context, client),
        )

    def get_anonymous_session(self) -> requests.Session:
        return self._bridge.carry(super().get_anonymous_session())

    def load_session(self, username: str, sessiondata: dict[str, str]) -> None:
        super().load_session(username, sessiondata)  # type: ignore[no-untyped-call]  # instaloader's
        self._bridge.carry(self._session)
        self._judge.member = True

    def get_json(  # noqa: PLR0917 (the base class's)
        self,
        path: str,
        params: dict[str, Any],
        host: str = HOST,
        session: requests.Session | None = None,
        response_headers: dict[str, Any] | None = None,
        use_post: bool = False,
    ) -> dict[str, Any]:
        """Queries come with short-lived sessions of their own."""
        carried = self._bridge.carry(session or self._session)
        return super().get_json(path, params, host, carried, response_headers, use_post)

    def error(self, msg: str, repeat_at_end: bool = True) -> None:  # noqa: ARG002 (the base class's)
        """The base class prints; what matters reaches our callers as an exception."""
        _log.debug("instaloader: %s", msg)


class Bridge(HTTPAdapter):
    """A requests adapter that lets the client do the sending."""

    def __init__(self, client: Client, judge: Judge) -> None:
        super().__init__()
        self._client, self._judge = client, judge

    def carry(self, session: requests.Session) -> requests.Session:
        session.mount("https://", self)
        return session

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        body = request.body.encode() if isinstance(request.body, str) else None
        query = _query_of(str(request.url), body)
        answer = self._client.get(
            str(request.url),
            kind=kind_of(query.get("doc_id") or query.get("query_hash") or "other"),
            method=str(request.method),
            headers={name: str(value) for name, value in request.headers.items()},
            body=body,
            check=lambda answer: self._judge.look_at(answer, query),
        )
        return self.build_response(request, _as_urllib3(answer))


def _query_of(url: str, body: bytes | None) -> dict[str, str]:
    """The fields of a GraphQL query, posted or in the address; empty for pages."""
    fields = parse_qs(body.decode() if body else urlsplit(url).query)
    return {name: fields[name][-1] for name in ("doc_id", "query_hash", "variables") if name in fields}


class _Head:
    """What requests and urllib3 want of http.client's response: the headers, with every Set-Cookie apart."""

    def __init__(self, headers: HTTPHeaderDict) -> None:
        self.msg = headers

    def isclosed(self) -> bool:
        return True

    def close(self) -> None:
        pass


def _as_urllib3(answer: Response) -> HTTPResponse:
    headers = HTTPHeaderDict(answer.headers)
    headers.discard("Content-Encoding")  # the client has decoded the body
    return HTTPResponse(
        body=io.BytesIO(answer.body),
        headers=headers,
        status=answer.status,
        preload_content=False,
        original_response=_Head(headers),  # type: ignore[arg-type]  # only its headers are read
    )

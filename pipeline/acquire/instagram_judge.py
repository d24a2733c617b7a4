"""What an answer of Instagram's means, decided before instaloader sees it.

Instaloader takes a page that withholds a profile for a missing one, and asks again where nobody should.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from typing import Any, NoReturn
from urllib.parse import urljoin, urlsplit

from pipeline.acquire.client import Client, Response
from pipeline.acquire.faults import retry_after_s
from pipeline.acquire.instagram_rates import HOST
from pipeline.errors import PictureFault, SourceRefused

SOFT_BLOCK = dt.timedelta(minutes=30)  # "a few minutes" in Instagram's words; asking earlier prolongs it

_REMEDIES = {
    "login_required": "it shows this to members only, or the session has ended; log in with "
    "`impasto login instagram USER` and name USER as the source's session",
    "checkpoint": "it wants a person; open instagram.com in a browser, do what it asks, then run this again",
    "missing": "there is no such account; check its name",
}


class Judge:
    """Sees every answer, redirects included; raises for those that are refusals or not what was asked for."""

    def __init__(self, client: Client, now: Callable[[], dt.datetime]) -> None:
        self._client, self._now = client, now
        self.member = False  # a session is logged in

    def look_at(self, answer: Response, query: Mapping[str, str]) -> None:
        """`query`: the fields of the GraphQL query that was sent, empty for a page.

        Raises SourceRefused where the listing ends, PictureFault("truncated") where asking again may help,
        another PictureFault where one post is gone.
        """
        if 300 <= answer.status < 400:
            self._look_at_redirect(answer)
            return
        self._look_for_refusal(answer)
        if not query and answer.status in {404, 410}:
            self._refuse("missing")
        if "shortcode" in query.get("variables", "") and answer.status in {400, 404, 410}:
            slug = "http_error" if answer.status == 400 else "http_404"
            raise PictureFault(slug, f"HTTP {answer.status} when asked for the post")
        if answer.status == 200:
            self._look_at_content(answer, data_due=bool(query))

    def _look_at_redirect(self, answer: Response) -> None:
        path = urlsplit(urljoin(answer.url, answer.headers.get("Location", ""))).path
        if path.startswith("/accounts/login"):
            self._refuse("login_required")
        if path.startswith(("/challenge", "/accounts/suspended")):
            self._refuse("checkpoint")

    def _look_for_refusal(self, answer: Response) -> None:
        if answer.status == 429:
            return  # the client waits as long as it is told
        said = _json_of(answer) or {}
        message = str(said.get("message", ""))
        if message in {"checkpoint_required", "challenge_required"}:
            self._refuse("checkpoint")
        if "wait a few minutes" in message or message == "feedback_required":
            self._stay_away(answer)
        if answer.status == 401 or said.get("require_login"):
            self._refuse("login_required")
        if answer.status == 403:
            self._stay_away(answer) if self.member else self._refuse("login_required")

    def _look_at_content(self, answer: Response, *, data_due: bool) -> None:
        if not answer.body.lstrip().startswith(b"<"):
            if _json_of(answer) is None:
                raise PictureFault("truncated", "the answer is not whole JSON")
        elif _is_cut_short(answer.body):
            raise PictureFault("truncated", "the page stops before its end")
        elif data_due or _wanted_in_page(answer.url) not in answer.body:
            if slug := _why_withheld(answer.body):
                self._refuse(slug)
            self._stay_away(answer)

    def _stay_away(self, answer: Response) -> NoReturn:
        named_s = retry_after_s(answer.headers, self._now())
        until = self._now() + (SOFT_BLOCK if named_s is None else dt.timedelta(seconds=named_s))
        raise self._client.refuse(HOST, "soft_blocked", "it asks us to stay away for a while", until)

    def _refuse(self, slug: str) -> NoReturn:
        raise SourceRefused(slug, f"{HOST}: {_REMEDIES[slug]}")


def _is_cut_short(page: bytes) -> bool:
    opened = b"<html" in page[:1000] and b"</html>" not in page
    return opened or page.rfind(b"<script") > page.rfind(b"</script>")


def _wanted_in_page(url: str) -> bytes:
    """What instaloader needs of the start page, and of a profile's page."""
    return b'"LSD"' if urlsplit(url).path == "/" else b"xig_user_by_username"


def _why_withheld(page: bytes) -> str | None:
    """Why a page lacks the data it should hold: instaloader would call any of these a missing profile."""
    text = page.decode(errors="replace").lower()
    if "page not found" in text or ("page isn" in text and "available" in text):
        return "missing"
    if "/challenge/" in text or "checkpoint" in text:
        return "checkpoint"
    return "login_required" if "/accounts/login" in text or "loginform" in text else None


def _json_of(answer: Response) -> dict[str, Any] | None:
    try:
        said = json.loads(answer.body)
    except ValueError:
        return None
    return said if isinstance(said, dict) else None

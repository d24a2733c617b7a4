"""A local www.instagram.com and its picture host, speaking over HTTPS what instaloader 4.16 calls.

Guests: GET /NAME/ (HTML with embedded JSON) twice, GET / once (tokens), POST /api/graphql per post and page.
Members: GET /NAME/, POST /graphql/query (profile), GET /, POST /api/graphql (pages of whole posts).
Nothing of instaloader is replaced: `redirected` answers name look-ups with this server's address and port.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.servers import https
from tests.servers.faults import Fault, Faults, Reply
from tests.servers.instagram_account import Account, Post, media

HOSTS = ("www.instagram.com", "i.instagram.com", "scontent.cdninstagram.com")
PAGE = 12
PROFILE, GUEST_PAGE, POST, MEMBER_PAGE = (
    "27937681195819736",
    "28904005159232689",
    "27128499623469141",
    "29104886249145907",
)
KINDS = {PROFILE: "user", GUEST_PAGE: "page", POST: "post", MEMBER_PAGE: "page"}


@dataclass(frozen=True)
class Request:
    kind: str  # profile, start, user, page, post, picture, login, two_factor, whoami
    detail: str  # account, shortcode, cursor or path
    at: float  # on the test's own clock
    member: bool  # came with a session


class Instagram:
    """The site: set `accounts`, add `faults`, read `requests`."""

    def __init__(self, *accounts: Account, clock: Callable[[], float] = lambda: 0.0) -> None:
        self.accounts = {account.name: account for account in accounts}
        self.clock = clock
        self.faults = Faults()
        self.requests: list[Request] = []
        self.password, self.code = "open sesame", ""  # a code asks for the second step
        self.member = "reader"  # whom a session belongs to
        self.generation = 0  # of picture addresses: older ones have expired
        self.held_from: int | None = None  # this request, by its number, and all later ones wait
        self._lock = threading.Lock()

    def expire_addresses(self) -> None:
        self.generation += 1

    def count(self, *kinds: str) -> int:
        return sum(request.kind in kinds for request in self.requests)

    def details(self, kind: str) -> list[str]:
        return [request.detail for request in self.requests if request.kind == kind]

    def answer(self, asked: https.Asked) -> Reply | Fault:
        session = "sessionid=77" in asked.headers.get("Cookie", "")
        kind, detail, reply = self._route(asked.host, asked.method, asked.path, asked.fields, session)
        with self._lock:
            self.requests.append(Request(kind, detail, self.clock(), session))
            held = self.held_from is not None and len(self.requests) >= self.held_from
        if held:
            return self.faults.hold(reply())
        return self.faults.meet(kind, reply) or reply()

    def _route(
        self, host: str, method: str, path: str, query: dict[str, str], session: bool
    ) -> tuple[str, str, Callable[[], Reply]]:
        if host == "scontent.cdninstagram.com":
            return "picture", path, lambda: self._picture(path, query)
        if path == "/":
            return "start", path, lambda: _start_page(session)
        if path == "/api/v1/web/accounts/login/ajax/":
            return "login", query["username"], lambda: self._login(query)
        if path == "/accounts/login/ajax/two_factor/":
            return "two_factor", query["username"], lambda: self._second_step(query)
        if path in ("/graphql/query", "/api/graphql"):
            return self._graphql(method, query, session)
        name = path.strip("/")
        return "profile", name, lambda: self._profile_page(name)

    def _graphql(
        self, method: str, query: dict[str, str], session: bool
    ) -> tuple[str, str, Callable[[], Reply]]:
        if method == "GET":
            user = {"username": self.member} if session else None
            return "whoami", "", lambda: Reply.json({"data": {"user": user}, "status": "ok"})
        variables = json.loads(query["variables"])
        document = query["doc_id"]
        detail = str(variables.get("shortcode") or variables.get("after") or variables.get("id") or "")
        answers = {
            PROFILE: self._user,
            GUEST_PAGE: self._guest_page,
            POST: self._post,
            MEMBER_PAGE: self._member_page,
        }
        return KINDS[document], detail, lambda: answers[document](variables)

    def _profile_page(self, name: str) -> Reply:
        account = self.accounts.get(name)
        if account is None:
            return Reply(404, b"<html>Sorry, this page isn't available.</html>", "text/html")
        posts = {"id": account.page_id, "username": name, "is_private": account.private}
        if not account.private:
            posts["polaris_ordered_timeline_connection"] = self._codes(account, None)
        return Reply.html(
            _embedded({"xig_user_by_username": account.user()}, {"xig_user_by_username": posts})
        )

    def _user(self, variables: dict[str, Any]) -> Reply:
        account = next((a for a in self.accounts.values() if a.pk == variables["id"]), None)
        user = None
        if account is not None:
            user = account.user() | {"friendship_status": {"following": False}}
        return Reply.json({"data": {"user": user}, "status": "ok"})

    def _guest_page(self, variables: dict[str, Any]) -> Reply:
        account = next(a for a in self.accounts.values() if a.page_id == variables["id"])
        codes = self._codes(account, variables.get("after"))
        return Reply.json({"data": {"node": {"polaris_ordered_timeline_connection": codes}}})

    def _member_page(self, variables: dict[str, Any]) -> Reply:
        account = self.accounts[variables["username"]]

        def node(post: Post) -> dict[str, Any]:
            return media(post, account, self._signature())

        page = _page(account, variables.get("after"), node)
        name = "xdt_api__v1__feed__user_timeline_graphql_connection"
        return Reply.json({"data": {name: page}, "status": "ok"})

    def _post(self, variables: dict[str, Any]) -> Reply:
        found = [(post, account) for account in self.accounts.values() for post in account.posts]
        items = [
            media(post, account, self._signature())
            for post, account in found
            if post.code == variables["shortcode"] and not post.removed
        ]
        return Reply.json({"data": {"xdt_api__v1__media__shortcode__web_info": {"items": items}}})

    def _picture(self, path: str, query: dict[str, str]) -> Reply:
        if query.get("oe") != str(self.generation):
            return Reply(403, b"URL signature expired", "text/plain")
        owner, name = path.removeprefix("/v/").split("/")
        number, item = name.removesuffix("_n.jpg").split("_")
        post = next(p for p in self.accounts[owner].posts if p.number == int(number))
        return Reply(200, post.picture(int(item)), "image/jpeg")

    def _login(self, form: dict[str, str]) -> Reply:
        if not form["enc_password"].endswith(f":{self.password}"):
            return Reply.json({"authenticated": False, "user": True, "status": "ok"})
        if self.code:
            return Reply.json(
                {"two_factor_required": True, "two_factor_info": {"two_factor_identifier": "2f"}}
            )
        self.member = form["username"]
        return Reply.json({"authenticated": True, "user": True, "status": "ok"}, cookies=_member_cookies())

    def _second_step(self, form: dict[str, str]) -> Reply:
        if form["verificationCode"] != self.code:
            return Reply.json({"status": "fail", "message": "Please check the security code."})
        self.member = form["username"]
        return Reply.json({"status": "ok", "authenticated": True}, cookies=_member_cookies())

    def _signature(self) -> str:
        return f"stp=dst-jpg&oh=00_secretless&oe={self.generation}"

    def _codes(self, account: Account, after: str | None) -> dict[str, Any]:
        return _page(account, after, lambda post: {"code": post.code, "pk": post.pk})


def _page(account: Account, after: str | None, node: Callable[[Post], dict[str, Any]]) -> dict[str, Any]:
    """Pages continue after the post that the cursor names, as Instagram's do when new posts arrive."""
    posts = account.shown()
    start = 0 if after is None else 1 + [post.code for post in posts].index(after)
    chosen = posts[start : start + PAGE]
    more = start + PAGE < len(posts)
    return {
        "edges": [{"node": node(post)} for post in chosen],
        "page_info": {"has_next_page": more, "end_cursor": chosen[-1].code if chosen else None},
    }


def _embedded(*results: dict[str, Any]) -> str:
    queries = [{"require": [[{"__bbox": {"result": {"data": data}}}]]} for data in results]
    scripts = [f'<script type="application/json" data-sjs>{json.dumps(query)}</script>' for query in queries]
    return f"<!DOCTYPE html><html><body>{''.join(scripts)}</body></html>"


def _start_page(session: bool) -> Reply:
    dtsg = '["DTSGInitialData",[],{"token":"NAcP:dtsg"},258],' if session else ""
    html = f'<html><script>{dtsg}["LSD",[],{{"token":"AVqlsd"}},323],{{"IG_USER_EIMU":"0"}}</script></html>'
    return Reply.html(html, cookies=() if session else ("csrftoken=guesttoken",))


def _member_cookies() -> tuple[str, ...]:
    return ("sessionid=77%3Asecretsession", "ds_user_id=77", "csrftoken=membertoken")


@contextlib.contextmanager
def serving(site: Instagram, folder: Path) -> Iterator[int]:
    """Run the site on 127.0.0.1; gives its port and leaves the certificate authority in folder/ca.pem."""
    with https.serving(site.answer, HOSTS, folder) as port:
        try:
            yield port
        finally:
            site.faults.close()


def redirected(port: int) -> AbstractContextManager[None]:
    return https.redirected(port, HOSTS)

"""What a server can do wrong, on demand: statuses, resets, short, slow and stalled bodies."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, Literal

Cut = Literal["reset", "short", "short without length", "stalled", "slow", "held"]


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes
    content_type: str = "application/json; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)
    cookies: tuple[str, ...] = ()

    @classmethod
    def json(cls, content: Any, status: int = 200, *, cookies: tuple[str, ...] = (), **headers: str) -> Reply:
        return cls(status, json.dumps(content).encode(), headers=headers, cookies=cookies)

    @classmethod
    def html(cls, content: str, status: int = 200, *, cookies: tuple[str, ...] = ()) -> Reply:
        return cls(status, content.encode(), "text/html; charset=utf-8", cookies=cookies)

    def send(self, to: BaseHTTPRequestHandler) -> None:
        self.send_head(to, length=len(self.body))
        to.wfile.write(self.body)

    def send_head(self, to: BaseHTTPRequestHandler, length: int | None) -> None:
        to.send_response(self.status)
        to.send_header("Content-Type", self.content_type)
        for cookie in self.cookies:
            to.send_header("Set-Cookie", f"{cookie}; Domain=.instagram.com; Path=/; Secure")
        for name, value in self.headers.items():
            to.send_header(name, value)
        if length is None:
            to.send_header("Connection", "close")
        else:
            to.send_header("Content-Length", str(length))
        to.end_headers()


@dataclass(frozen=True)
class Fault:
    """A reply that goes wrong on its way; without `cut` it is simply another reply."""

    reply: Reply
    cut: Cut | None
    ended: threading.Event  # the server stops: a stalled body may end
    released: threading.Event  # a held answer may go

    def send(self, to: BaseHTTPRequestHandler) -> None:
        if self.cut is None:
            return self.reply.send(to)
        if self.cut == "held":
            self.released.wait(30)
            return self.reply.send(to)
        half = self.reply.body[: len(self.reply.body) // 2]
        self.reply.send_head(to, length=None if self.cut == "short without length" else len(self.reply.body))
        if self.cut == "slow":
            for start in range(0, len(self.reply.body), 256):
                to.wfile.write(self.reply.body[start : start + 256])
                to.wfile.flush()
            return None
        to.wfile.write(half)
        to.wfile.flush()
        if self.cut == "stalled":
            self.ended.wait(30)
        if self.cut == "reset":
            to.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        to.close_connection = True
        return None


@dataclass
class _Rule:
    kind: str
    reply: Reply | None  # None: the true one
    cut: Cut | None
    skip: int  # so many pass before it begins
    times: int | None  # None: for ever


class Faults:
    """Rules are met in the order in which they were added; each ends after its `times`."""

    def __init__(self) -> None:
        self._rules: list[_Rule] = []
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._released = threading.Event()

    def add(
        self,
        kind: str,
        reply: Reply | None = None,
        *,
        cut: Cut | None = None,
        skip: int = 0,
        times: int | None = 1,
    ) -> None:
        self._rules.append(_Rule(kind, reply, cut, skip, times))

    def clear(self) -> None:
        self._rules.clear()

    def release(self) -> None:
        """Let every held answer go, now and later."""
        self._released.set()

    def close(self) -> None:
        self._ended.set()
        self.release()

    def hold(self, reply: Reply) -> Fault:
        return Fault(reply, "held", self._ended, self._released)

    def meet(self, kind: str, true_reply: Callable[[], Reply]) -> Fault | None:
        with self._lock:
            for rule in self._rules:
                if rule.kind != kind or rule.times == 0:
                    continue
                if rule.skip > 0:
                    rule.skip -= 1
                    continue
                if rule.times is not None:
                    rule.times -= 1
                return Fault(rule.reply or true_reply(), rule.cut, self._ended, self._released)
        return None


WAIT_A_FEW_MINUTES = Reply.json(
    {"message": "Please wait a few minutes before you try again.", "require_login": True, "status": "fail"},
    401,
)
CHECKPOINT = Reply.json(
    {
        "message": "checkpoint_required",
        "checkpoint_url": "https://i.instagram.com/challenge/",
        "status": "fail",
    },
    400,
)
LOGIN_REDIRECT = Reply(302, b"", headers={"Location": "https://www.instagram.com/accounts/login/?next=/x/"})
SERVER_ERROR = Reply.html("<html>Oops, an error occurred.</html>", 500)
HTML_PAGE = Reply.html("<html>This is not a picture.</html>")


def too_many(retry_after: str | None = None) -> Reply:
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return Reply(429, b"{}", headers=headers)

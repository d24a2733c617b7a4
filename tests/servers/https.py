"""An HTTPS server on this machine that answers for names of the web."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qsl, urlsplit

import trustme

from tests.servers.faults import Fault, Reply


@dataclass(frozen=True)
class Asked:
    host: str
    method: str
    path: str
    fields: dict[str, str]  # of the address and of the form
    headers: Message


@contextlib.contextmanager
def serving(answer: Callable[[Asked], Reply | Fault], hosts: Sequence[str], folder: Path) -> Iterator[int]:
    """Gives the port; leaves the certificate authority in folder/ca.pem."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*hosts).configure_cert(context)
    with _Server(answer) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def redirected(port: int, hosts: Sequence[str]) -> Iterator[None]:
    """Within this process these names are this machine's, and no other name of the web exists."""
    true_look_up: Callable[..., list[tuple[Any, ...]]] = socket.getaddrinfo

    def look_up(host: str, *rest: Any, **more: Any) -> list[tuple[Any, ...]]:
        if host in {"127.0.0.1", "localhost"}:
            return true_look_up(host, *rest, **more)
        if host not in hosts:
            raise socket.gaierror(socket.EAI_NONAME, f"{host} is outside of this test")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    with patch("socket.getaddrinfo", look_up):
        yield


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, answer: Callable[[Asked], Reply | Fault]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer

    def handle_error(self, *_: Any) -> None:
        """A client that hangs up, or was killed, is what many tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        form = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        target = urlsplit(self.path)
        fields = dict([*parse_qsl(target.query), *parse_qsl(form)])
        host = self.headers["Host"].partition(":")[0]
        self.server.answer(Asked(host, self.command, target.path, fields, self.headers)).send(self)

    do_POST = do_GET  # noqa: N815 (the base class's)

    def log_message(self, *_: Any) -> None:
        pass

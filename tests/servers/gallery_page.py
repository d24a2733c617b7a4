"""A web page of pictures under a name of its own, for the real gallery-dl.

Its generic extractor drops ports from addresses: the command reaches the page through HTTP_PROXY, our own
client through the name's look-up.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

from tests.servers.https import redirected

HOST = "pictures.test"
ADDRESS = f"generic:http://{HOST}/index.html"


class _Page(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, files: Mapping[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = files
        self.asked: list[str] = []


class _Handler(BaseHTTPRequestHandler):
    server: _Page

    def do_GET(self) -> None:
        path = urlsplit(self.path).path  # a proxy is sent whole addresses
        self.server.asked.append(path)
        content = self.server.files.get(path, b"nothing here")
        self.send_response(200 if path in self.server.files else 404)
        self.send_header("Content-Type", "text/html" if path.endswith("html") else "image/jpeg")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


@contextlib.contextmanager
def serving(files: Mapping[str, bytes]) -> Iterator[_Page]:
    """`files` by path; gives the server, whose `asked` holds the paths of all requests."""
    with _Page(files) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        proxy = f"http://127.0.0.1:{server.server_port}"
        environment = patch.dict(os.environ, HTTP_PROXY=proxy, NO_PROXY="127.0.0.1,127.0.0.9")
        try:
            with environment, redirected(server.server_port, [HOST]):
                yield server
        finally:
            server.shutdown()
            thread.join()

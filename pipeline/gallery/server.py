"""The embedded picture site: an HTTP server on 127.0.0.1 that lists its pictures as WikiArt does.

GET /en/paintings-by-genre/cats?json=2&page=N    {"Paintings": [...], "AllPaintingsCount": n, "PageSize": 60}
GET /images/NAME.jpg                             a picture
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pipeline.gallery import cats, site

LISTING = "/en/paintings-by-genre/cats"
IMAGES = "/images/"
# What pictures are listed under, at every start: the port of a start is its own and is never recorded.
ADDRESS = "http://gallery.localhost"


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def address(self) -> str:
        """Where the site is reached during this start."""
        return f"http://127.0.0.1:{self.server_port}"

    @cached_property
    def exhibits(self) -> tuple[site.Exhibit, ...]:
        return site.catalogue()

    @cached_property
    def by_file(self) -> dict[str, site.Exhibit]:
        return {exhibit.file: exhibit for exhibit in self.exhibits}


@contextmanager
def running() -> Iterator[Server]:
    """The site, up for as long as the block lasts."""
    with Server() as server:
        server.exhibits  # noqa: B018 (made before the first request, not by several of them at once)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
            cats.layers.cache_clear()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Without it the kernel holds back the body until the header is acknowledged: 40 ms a picture.
    disable_nagle_algorithm = True
    server: Server

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        exhibit = self.server.by_file.get(asked.path.removeprefix(IMAGES))
        if asked.path == LISTING:
            page = parse_qs(asked.query).get("page", ["1"])[0]
            self._answer("application/json", json.dumps(self._page(page)).encode())
        elif exhibit is not None:
            self._answer(*exhibit.content())
        else:
            self._answer("text/plain", b"There is no such page.\n", HTTPStatus.NOT_FOUND)

    def _page(self, page: str) -> dict[str, Any]:
        exhibits = self.server.exhibits
        start = (int(page) - 1) * site.PAGE if page.isdecimal() else 0
        shown = exhibits[start : start + site.PAGE]
        return {
            "Paintings": [_as_painting(exhibit) for exhibit in shown] or None,
            "AllPaintingsCount": len(exhibits),
            "PageSize": site.PAGE,
        }

    def _answer(self, media_type: str, body: bytes, status: HTTPStatus = HTTPStatus.OK) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """The client accounts for every request; a second log would only be noise."""


def _as_painting(exhibit: site.Exhibit) -> dict[str, Any]:
    return {
        "id": exhibit.id,
        "title": exhibit.title,
        "year": None,
        "width": cats.SIDE,
        "height": cats.SIDE,
        "artistName": cats.AUTHOR,
        "image": f"{ADDRESS}{IMAGES}{exhibit.file}",
        "paintingUrl": None,
    }

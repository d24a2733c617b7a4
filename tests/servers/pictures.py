"""A plain web server of pictures and pages: goes wrong on demand, remembers who asked for what and when."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from PIL import Image

from tests.servers.faults import Faults, Reply


@dataclass(frozen=True)
class Asked:
    path: str
    at: float  # by the clock of the test
    headers: dict[str, str]


class PictureServer:
    """`pages` by path; a fault of the kind PATH or `*` comes before them."""

    def __init__(self, url: str, clock: Callable[[], float]) -> None:
        self.url = url
        self.pages: dict[str, Reply] = {}
        self.faults = Faults()
        self.asked: list[Asked] = []
        self.most_at_once = 0
        self.linger_s = 0.0  # real seconds that an answer takes
        self._clock = clock
        self._now = 0
        self._lock = threading.Lock()

    def add(self, path: str, content: bytes, content_type: str = "image/jpeg", **headers: str) -> str:
        self.pages[path] = Reply(200, content, content_type, headers)
        return self.url + path

    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]

    def times(self) -> list[float]:
        return [asked.at for asked in self.asked]

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        with self._lock:
            self.asked.append(Asked(request.path, self._clock(), dict(request.headers)))
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        if self.linger_s:
            threading.Event().wait(self.linger_s)
        with self._lock:
            self._now -= 1
        path = request.path.partition("?")[0]
        page = self.pages.get(request.path) or self.pages.get(path) or Reply(404, b"")
        for kind in (path, "*"):
            if fault := self.faults.meet(kind, lambda: page):
                return fault.send(request)
        return page.send(request)


@contextmanager
def serving(
    clock: Callable[[], float] = lambda: 0.0, *, address: str = "127.0.0.1", tls: object = None
) -> Iterator[PictureServer]:
    """`tls`: a trustme certificate to serve HTTPS with."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            site.handle(self)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            site.handle(self)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            pass  # clients that go away are what some tests are about

    server = Server((address, 0), Handler)
    if tls is not None:
        import ssl

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.configure_cert(context)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    scheme = "http" if tls is None else "https"
    site = PictureServer(f"{scheme}://{address}:{server.server_port}", clock)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield site
    finally:
        site.faults.close()
        server.shutdown()
        server.server_close()


def picture(seed: int, side: int = 24, kind: str = "JPEG") -> bytes:
    """A small picture, another for each seed."""
    image = Image.frombytes(
        "RGB", (side, side), bytes((seed * 37 + i * (seed + 3)) % 256 for i in range(side * side * 3))
    )
    content = io.BytesIO()
    image.save(content, kind)
    return content.getvalue()


BYTES = picture(1)

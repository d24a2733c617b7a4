"""One HTTP exchange over urllib3: no retries, no redirects, a known peer, a limit on size and on time."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import ssl
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import certifi
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import DecodeError, ProtocolError, ReadTimeoutError

from pipeline.acquire.manners import Timeouts

_PIECE_BYTES = 65_536
_STOP_AGAIN_S = 0.02
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    headers: Mapping[str, str]  # names in any case
    body: bytes
    url: str  # where the answer came from, after redirects


class UnsafeAddress(Exception):
    """The address leads into a private network."""


class BodyTooLarge(Exception):
    pass


class BodyTruncated(Exception):
    """The body ended before the length that the server named, or cannot be unpacked."""


class Stopped(Exception):
    """The client was stopped while this exchange waited or ran."""


class Transport:
    """Thread-safe. `public_only` exchanges have connections of their own, each checked when it is opened."""

    def __init__(self, timeouts: Timeouts, clock: Callable[[], float], ca_bundle: str | None) -> None:
        self.stopped = threading.Event()
        self._timeouts, self._clock = timeouts, clock
        self._open: weakref.WeakSet[HTTPConnection] = weakref.WeakSet()
        self._in_flight = 0  # exchanges
        self._lock = threading.Lock()  # of the two
        context = _tls(ca_bundle)
        self._anywhere = _pools(context, self._admit, public_only=False)
        self._public = _pools(context, self._admit, public_only=True)

    def exchange(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        *,
        max_bytes: int,
        public_only: bool,
    ) -> Response:
        """Send one request and read its answer; raises the exceptions above or urllib3's HTTPError."""
        with self._counted():
            deadline = self._clock() + self._timeouts.total_s
            answer = (self._public if public_only else self._anywhere).request(
                method,
                url,
                headers=dict(headers),
                body=body,
                redirect=False,
                retries=False,
                preload_content=False,
                timeout=urllib3.Timeout(connect=self._timeouts.connect_s, read=self._timeouts.read_s),
            )
            try:
                content = self._read(answer, max_bytes, deadline)
            except BaseException:  # Ctrl-C, too
                answer.close()  # an unread rest would be taken for the next answer
                raise
            answer.release_conn()
            return Response(answer.status, answer.headers, content, url)

    def stop(self) -> None:
        """End every exchange in flight at once."""
        self.stopped.set()
        deadline = time.monotonic() + self._timeouts.connect_s
        while time.monotonic() < deadline:
            with self._lock:
                connections, in_flight = list(self._open), self._in_flight
            for connection in connections:
                if connection.sock is not None:
                    with contextlib.suppress(OSError):
                        connection.sock.shutdown(socket.SHUT_RDWR)
            if not in_flight:
                return
            time.sleep(_STOP_AGAIN_S)  # a connection that is only being opened has no socket yet

    def close(self) -> None:
        self._anywhere.clear()
        self._public.clear()

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        with self._lock:
            if self.stopped.is_set():
                raise Stopped
            self._in_flight += 1
        try:
            yield
        finally:
            with self._lock:
                self._in_flight -= 1

    def _admit(self, connection: HTTPConnection, sock: socket.socket) -> None:
        with self._lock:
            self._open.add(connection)
        if self.stopped.is_set():  # since the exchange began: nobody would end it
            sock.close()
            raise Stopped

    def _read(self, answer: urllib3.BaseHTTPResponse, max_bytes: int, deadline: float) -> bytes:
        named = answer.headers.get("Content-Length", "")
        if named.isdecimal() and int(named) > max_bytes:
            raise BodyTooLarge(f"{named} bytes; at most {max_bytes} are read")
        content = bytearray()
        try:
            for piece in answer.stream(_PIECE_BYTES):
                content += piece
                if len(content) > max_bytes:
                    raise BodyTooLarge(f"more than {max_bytes} bytes")
                if self._clock() > deadline:
                    raise TimeoutError(f"not complete after {self._timeouts.total_s:g} s")
        except (ProtocolError, DecodeError) as error:
            if isinstance(error.__cause__, OSError):  # the connection broke, not the body
                raise
            raise BodyTruncated(f"{len(content)} bytes of {named or 'unknown length'}") from error
        except ReadTimeoutError as error:
            raise TimeoutError(f"nothing for {self._timeouts.read_s:g} s in mid-body") from error
        return bytes(content)


def _tls(ca_bundle: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_bundle)  # without a bundle OpenSSL honours SSL_CERT_FILE
    if not context.cert_store_stats()["x509_ca"]:  # a Python without the system's certificates
        context.load_verify_locations(certifi.where())
    return context


def _pools(
    context: ssl.SSLContext, admit: Callable[[HTTPConnection, socket.socket], None], *, public_only: bool
) -> urllib3.PoolManager:
    """Pools whose connections are shown to `admit`, and look at their peer, before a byte is sent.

    Looking at the connected socket leaves no gap in which a name could change its address.
    """

    def checked(connection: HTTPConnection, sock: socket.socket) -> socket.socket:
        peer = ipaddress.ip_address(sock.getpeername()[0].partition("%")[0])
        if public_only and not _is_public(peer):
            sock.close()
            raise UnsafeAddress(f"{connection.host} is at {peer}, which is not a public address")
        admit(connection, sock)
        return sock

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return checked(self, super()._new_conn())

    class Secure(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return checked(self, super()._new_conn())

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    pools = urllib3.PoolManager(num_pools=64, maxsize=16, ssl_context=context)
    pools.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}
    return pools


def _is_public(peer: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(peer, ipaddress.IPv6Address):  # it may be a private IPv4 address in another dress
        peer = peer.ipv4_mapped or peer.sixtofour or _behind_nat64(peer) or peer
    return peer.is_global and not peer.is_multicast


def _behind_nat64(peer: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    return ipaddress.IPv4Address(int(peer) & 0xFFFFFFFF) if peer in _NAT64 else None

"""Source `urls`: the pictures of a list of addresses: a text, CSV or Parquet file (see address_list).

A picture whose owner opts out (see opt_outs) is a row and nothing more, and is not asked for again. Addresses
that lead into private networks are refused, redirects included: a list may come from anywhere, and what only
this machine can reach is not its author's to ask for. An address that is listed twice is one picture. A host
that refuses us keeps back its own pictures only: the others arrive before the run says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

from pipeline.acquire import address_list
from pipeline.acquire.addresses import spelled
from pipeline.acquire.captions import one_line
from pipeline.acquire.client import Client, Response
from pipeline.acquire.local import LocalSpec
from pipeline.acquire.opt_outs import opt_out
from pipeline.acquire.source import Doors, Memory
from pipeline.errors import MissingInput, PictureFault, SourceRefused
from pipeline.records import Listed


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlsSpec(LocalSpec):
    kind: ClassVar[str] = "urls"
    allow_private: bool = False  # also addresses of this machine and of private networks

    @property
    def scope(self) -> str:
        """Who now allows private addresses has the list gone over again."""
        return "private" if self.allow_private else ""

    def fingerprint(self) -> str | None:
        """Size and time of the file; None where it is gone."""
        try:
            stat = self.absolute.stat()
        except OSError:
            return None
        return f"{stat.st_size} {stat.st_mtime_ns}"

    @contextmanager
    def open(self, doors: Doors) -> Iterator[UrlsSource]:
        if not self.absolute.is_file():
            raise MissingInput(f"source.path = {str(self.path)!r}: no such file")
        source = UrlsSource(self, doors.client)
        yield source
        source.raise_refusal()


class UrlsSource:
    parallel = 16  # over all hosts; each has its own, smaller cap

    def __init__(self, spec: UrlsSpec, client: Client) -> None:
        self._spec, self._client = spec, client
        self._refusals = list[SourceRefused]()
        self._some_arrived = False

    def list_pictures(self, memory: Memory) -> Iterator[Listed]:
        opted_out = {picture.source_id for picture in memory.earlier if picture.skip == "opted_out"}
        for entry in address_list.read(self._spec.absolute):
            address = spelled(entry.address)
            yield Listed(
                self._spec.kind,
                self._spec.collection,
                address,
                0,
                address,
                page_url=spelled(entry.page_url) if entry.page_url else None,
                author=one_line(entry.author),
                title=one_line(entry.title),
                licence=one_line(entry.licence),
                skip="opted_out" if address in opted_out else None,
            )

    def position(self) -> str | None:
        return None

    def fetch(self, picture: Listed) -> bytes:
        public_only = not self._spec.allow_private
        try:
            content = self._client.picture(picture.source_url, check=_honour, public_only=public_only)
        except SourceRefused as refusal:
            self._refusals.append(refusal)
            raise PictureFault(refusal.slug, refusal.message) from refusal
        self._some_arrived = True
        return content

    def raise_refusal(self) -> None:
        """Where a host told us to come back later; one that is gone, as some of a list are, is no refusal."""
        for refusal in self._refusals:
            if refusal.slug not in {"network", "server_error"} or not self._some_arrived:
                raise refusal


def _honour(answer: Response) -> None:
    # Error pages carry `noindex` of their own, which says nothing of the picture.
    if answer.status < 400 and (directive := opt_out(answer.headers)):
        raise PictureFault("opted_out", f"X-Robots-Tag: {directive}")

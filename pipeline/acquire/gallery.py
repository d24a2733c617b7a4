"""Source `gallery`: the embedded picture site, scraped over HTTP like any other. Needs no network.

The pictures are composed cats, drawn by David Revoy (CC-BY 4.0); see pipeline.gallery.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

from pipeline.acquire.client import Client, host_of
from pipeline.acquire.manners import Manners
from pipeline.acquire.paintings import list_paintings
from pipeline.acquire.source import Doors, Memory, SourceSpec
from pipeline.records import Listed

# The site is ours: nobody is served worse because we hurry.
_MANNERS = Manners(page_gap_s=0.01, picture_gap_s=0.0, jitter=0.0, parallel=4)


@dataclass(frozen=True, slots=True, kw_only=True)
class GallerySpec(SourceSpec):
    kind: ClassVar[str] = "gallery"

    @property
    def collection(self) -> str:
        return "cats"

    @contextmanager
    def open(self, doors: Doors) -> Iterator[GallerySource]:
        from pipeline.gallery import server

        with server.running() as site:
            doors.client.set_manners(host_of(site.address), _MANNERS)
            yield GallerySource(self, doors.client, site.address)


class GallerySource:
    parallel = _MANNERS.parallel

    def __init__(self, spec: GallerySpec, client: Client, address: str) -> None:
        self._spec, self._client, self._address = spec, client, address

    def list_pictures(self, memory: Memory) -> Iterator[Listed]:  # noqa: ARG002 (the site is next door)
        from pipeline.gallery import cats, server

        for painting in list_paintings(self._client, self._address + server.LISTING, {}):
            yield Listed(
                self._spec.kind,
                self._spec.collection,
                painting.id,
                0,
                painting.image,
                page_url=cats.SOURCE,
                author=painting.author,
                title=painting.title,
                licence=cats.LICENCE,
            )

    def position(self) -> str | None:
        return None

    def fetch(self, picture: Listed) -> bytes:
        from pipeline.gallery import server

        return self._client.picture(picture.source_url.replace(server.ADDRESS, self._address, 1))

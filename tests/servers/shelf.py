"""The smallest web source there can be: pages of names, a picture behind each; for tests of the engine."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

from pipeline.acquire.source import Doors, Memory, SourceSpec
from pipeline.records import Listed
from tests.servers.pictures import PictureServer, Reply, picture


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelfSpec(SourceSpec):
    kind: ClassVar[str] = "shelf"
    url: str  # of the server
    name: str = "one"
    stop_at_known: bool = False  # newest first: what is known is the end, as on Instagram
    parallel: int = 4

    @property
    def collection(self) -> str:
        return self.name

    @contextmanager
    def open(self, doors: Doors) -> Iterator[Shelf]:
        yield Shelf(self, doors)


class Shelf:
    def __init__(self, spec: ShelfSpec, doors: Doors) -> None:
        self._spec, self._doors = spec, doors
        self.parallel = spec.parallel
        self._page = "0"

    def list_pictures(self, memory: Memory) -> Iterator[Listed]:
        page: str | None = memory.position or "0"
        while page:
            answer = self._doors.client.get(f"{self._spec.url}/list?page={page}").body.decode()
            following, _, names = answer.partition("\n")
            self._page = page
            for name in names.split():
                listed = self._listed(name)
                if self._spec.stop_at_known and memory.complete and listed.key in memory.known:
                    return
                yield listed
            page = following

    def position(self) -> str | None:
        return self._page

    def fetch(self, listed: Listed) -> bytes:
        return self._doors.client.picture(self._spec.url + f"/{listed.source_id}.jpg")

    def _listed(self, name: str) -> Listed:
        listed = Listed("shelf", self._spec.name, name, 0, f"http://shelf.example/{name}.jpg", author="Anna")
        return dataclasses.replace(listed, skip="video") if name.startswith("video") else listed


def fill(server: PictureServer, names: list[str], per_page: int = 5) -> ShelfSpec:
    """Put pictures on the server under these names, listed in this order."""
    for number, name in enumerate(names):
        if f"/{name}.jpg" not in server.pages:
            server.add(f"/{name}.jpg", picture(number + len(server.pages)))
    pages = [names[start : start + per_page] for start in range(0, len(names), per_page)] or [[]]
    for number, page in enumerate(pages):
        following = str(number + 1) if number + 1 < len(pages) else ""
        server.pages[f"/list?page={number}"] = Reply(
            200, "\n".join([following, *page]).encode(), "text/plain"
        )
    return ShelfSpec(url=server.url)

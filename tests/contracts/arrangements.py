"""For each kind of source, a small one to hold it to the contract: a new kind adds one function and one line.

An arrangement is a context manager that is given an empty folder, and gives `Arranged`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from unittest.mock import patch

import pytest

from pipeline.acquire.folder import FolderSpec
from pipeline.acquire.gallery import GallerySpec
from pipeline.acquire.gallery_dl import GalleryDlSpec
from pipeline.acquire.instagram import InstagramSpec
from pipeline.acquire.source import SourceSpec
from pipeline.acquire.urls import UrlsSpec
from pipeline.gallery import cats
from pipeline.gallery import server as gallery_server
from pipeline.gallery import site as gallery_site
from tests.servers import faults, gallery_page, instagram_account, pictures, wikiart
from tests.servers import instagram as instagram_server
from tests.servers.instagram import Instagram


@dataclass(frozen=True)
class Arranged:
    spec: SourceSpec
    pictures: int  # that can be fetched, at least 4
    requests: Callable[[], int]  # made of it so far; always 0 where there is no server
    refuse: Callable[[], None] | None = None  # it says no from now on; None where nobody could


@contextmanager
def folder(here: Path) -> Iterator[Arranged]:
    for number in range(6):
        (here / f"{number}.jpg").write_bytes(pictures.picture(number))
    (here / "text.jpg").write_text("text")
    yield Arranged(FolderSpec(path=here), 6, lambda: 0)


@contextmanager
def urls(here: Path) -> Iterator[Arranged]:
    with pictures.serving() as site:
        addresses = [site.add(f"/{number}.jpg", pictures.picture(number)) for number in range(6)]
        (here / "list.txt").write_text("\n".join([*addresses, site.url + "/gone.jpg"]))

        spec = UrlsSpec(path=here / "list.txt", allow_private=True)
        yield Arranged(spec, 6, lambda: len(site.asked))


@contextmanager
def gallery(here: Path) -> Iterator[Arranged]:
    """The embedded site with a handful of its pictures."""
    asked: list[str] = []
    refusing = threading.Event()
    true = gallery_server._Handler.do_GET

    def do_get(handler: gallery_server._Handler) -> None:
        asked.append(handler.path)
        if refusing.is_set():
            return handler._answer("text/plain", b"", HTTPStatus.TOO_MANY_REQUESTS)
        return true(handler)

    few = {"CATS": 6, "COPIES": 1, "RECODED": 1, "RESIZED": 1, "BROKEN": 1, "HTML": 1, "SMALL": 1}
    with pytest.MonkeyPatch.context() as changed:
        for name, count in few.items():
            changed.setattr(gallery_site, name, count)
        changed.setattr(cats.layers, "cache_clear", lambda: None)  # loaded once for all tests
        changed.setattr(gallery_server._Handler, "do_GET", do_get)
        yield Arranged(GallerySpec(), sum(few.values()) - 2, lambda: len(asked), refusing.set)


@contextmanager
def wikiart_genre(here: Path) -> Iterator[Arranged]:
    with pictures.serving() as site:
        paintings = [wikiart.painting(number) for number in range(7)]
        for item in paintings[:5]:
            wikiart.keep(site, item)
        wikiart.keep(site, paintings[5], [wikiart.LARGE])
        locked = wikiart.painting(8, image="/images/FRAME-600x480.jpg")
        wikiart.show(site, [*paintings, locked], per_page=3)  # the seventh is gone in every size
        yield Arranged(
            wikiart.local(site)(genre="portrait"),
            6,
            lambda: len(site.asked),
            lambda: site.faults.add(wikiart.PORTRAITS, faults.too_many("86400"), times=None),
        )


@contextmanager
def instagram(here: Path) -> Iterator[Arranged]:
    shown = instagram_account.account("kah__bane", 15, sidecars=[4], videos=[7])
    site = Instagram(shown)
    with (
        instagram_server.serving(site, here) as port,
        instagram_server.redirected(port),
        patch.dict(os.environ, SSL_CERT_FILE=str(here / "ca.pem")),
    ):
        yield Arranged(
            InstagramSpec(account=shown.name),
            15,
            lambda: len(site.requests),
            lambda: site.faults.add("profile", faults.WAIT_A_FEW_MINUTES, times=None),
        )


@contextmanager
def gallery_dl(here: Path) -> Iterator[Arranged]:
    pictured = {f"/{number}.jpg": pictures.picture(number) for number in range(5)}
    page = "".join(f'<img src="{path}">' for path in [*pictured, "/gone.jpg"])
    with gallery_page.serving({"/index.html": f"<html>{page}</html>".encode(), **pictured}) as site:
        yield Arranged(GalleryDlSpec(url=gallery_page.ADDRESS), 5, lambda: len(site.asked))


ARRANGEMENTS: dict[str, Callable[[Path], AbstractContextManager[Arranged]]] = {
    "folder": folder,
    "gallery": gallery,
    "gallery-dl": gallery_dl,
    "instagram": instagram,
    "urls": urls,
    "wikiart": wikiart_genre,
}

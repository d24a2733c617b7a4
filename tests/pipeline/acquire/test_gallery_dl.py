"""The bridge to gallery-dl: the real command against a local site."""

from __future__ import annotations

import datetime as dt
import sys
import threading
from pathlib import Path

import pytest

from pipeline import manifest
from pipeline.acquire import gallery_dl
from pipeline.acquire.acquire import acquire
from pipeline.acquire.client import Client
from pipeline.acquire.gallery_dl import GalleryDlSpec
from pipeline.acquire.gallery_dl_names import Names, stable
from pipeline.errors import ConfigError, MissingInput, SourceRefused
from pipeline.records import RawRow
from tests.servers import gallery_page
from tests.servers.instagram_account import picture_bytes

NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
PAGE = b'<html><img src="/a.jpg"><a href="/deep/b.jpg?size=2">b</a><a href="v.mp4">v</a></html>'


@pytest.fixture
def site():
    files = {"/index.html": PAGE, "/a.jpg": picture_bytes("a"), "/deep/b.jpg": picture_bytes("b")}
    with gallery_page.serving(files) as server:
        yield server


def rows(spec: GalleryDlSpec, data: Path) -> list[RawRow]:
    path = manifest.raw_folder(data, spec.kind, spec.collection) / manifest.NAME
    return list(manifest.rows(manifest.read(path, RawRow), RawRow))


def scrape(spec: GalleryDlSpec, data: Path) -> list[RawRow]:
    client = Client(pace=0.0, sleep=lambda _: None)
    try:
        acquire(spec, data, client=client, now=lambda: NOW, anew=True)
    finally:
        client.close()
        found = rows(spec, data)
    return found


def test_a_file_named_by_its_address_arrives(site, tmp_path):
    spec = GalleryDlSpec(url=f"http://127.0.0.1:{site.server_port}/a.jpg")
    (row,) = scrape(spec, tmp_path)
    assert (row.status, row.source_url) == ("fetched", spec.url)
    assert (tmp_path / row.path).read_bytes() == picture_bytes("a")


def test_everything_that_gallery_dl_lists_has_a_row(site, tmp_path):
    spec = GalleryDlSpec(url=gallery_page.ADDRESS)
    found = scrape(spec, tmp_path)
    assert [(row.source_id, row.status, row.reason) for row in found] == [
        ("pictures.test/a.jpg", "fetched", None),
        ("pictures.test/deep/b.jpg", "fetched", None),
        ("pictures.test/v.mp4", "skipped", "video"),
    ]
    assert {row.page_url for row in found} == {"http://pictures.test/index.html"}


def test_gallery_dl_works_in_a_folder_of_the_collection_and_leaves_nothing_elsewhere(site, tmp_path):
    spec = GalleryDlSpec(url=f"http://127.0.0.1:{site.server_port}/a.jpg")
    scrape(spec, tmp_path)
    folder = manifest.raw_folder(tmp_path, spec.kind, spec.collection)
    assert [path.name for path in (folder / "gallery-dl").iterdir()] == ["gallery-dl.log"]


@pytest.mark.parametrize(
    ("url", "slug"),
    [
        ("generic:http://pictures.test/nothing.html", "missing"),
        # gallery-dl itself asks again and sleeps between
        pytest.param("generic:http://127.0.0.9/x.html", "network", marks=pytest.mark.slow),
    ],
)
def test_what_gallery_dl_cannot_reach_is_said_in_one_line(site, tmp_path, url, slug):
    with pytest.raises(SourceRefused) as refused:
        scrape(GalleryDlSpec(url=url), tmp_path)
    assert refused.value.slug == slug
    assert "\n" not in str(refused.value)


def test_a_site_that_gallery_dl_does_not_know_is_the_users_mistake(tmp_path):
    with pytest.raises(ConfigError, match="does not know this site"):
        scrape(GalleryDlSpec(url="http://127.0.0.1/some/page"), tmp_path)


def test_without_the_command_one_line_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingInput, match="pip install gallery-dl"):
        scrape(GalleryDlSpec(url="http://127.0.0.1/a.jpg"), tmp_path)


@pytest.mark.parametrize("url", ["", "--exec=rm", "-o x=y http://a/", "file:///etc/passwd", "oauth:flickr"])
def test_only_addresses_reach_the_command(url):
    with pytest.raises(ConfigError, match=r"source\.url"):
        GalleryDlSpec(url=url)


def test_names_come_from_what_sites_call_them():
    said = {
        "_url": "https://i.example.net/full/77_2.png?token=s3cret&w=900",
        "category": "example",
        "id": 77,
        "num": 2,
        "user": {"name": "Ada\nL."},
        "title": "A \x00 picture",
        "date": "2024-05-06 07:08:09",
        "post_url": "https://example.net/77",
        "license": {"name": "CC BY 4.0"},
        "extension": "png",
    }
    picture = Names("gallery-dl", "c").listed(said)
    assert (picture.source_id, picture.item) == ("example/77", 2)
    assert (picture.author, picture.title, picture.licence) == ("Ada L.", "A picture", "CC BY 4.0")
    assert picture.source_url == "https://i.example.net/full/77_2.png?w=900"
    assert picture.page_url == "https://example.net/77"
    assert picture.published_at == dt.datetime(2024, 5, 6, 7, 8, 9, tzinfo=dt.UTC)


def test_two_files_never_share_a_key():
    names = Names("gallery-dl", "c")
    said = [
        {"_url": f"https://e.net/{file}", "category": "e", "id": 1} for file in ("a.jpg", "b.jpg", "a.jpg")
    ]
    first, second, again = (names.listed(each).key for each in said)
    assert first == again != second


def test_what_signs_an_address_is_not_kept():
    signed = "https://e.net/a.jpg?id=4&X-Amz-Signature=abc&Expires=1&oh=2&keyword=cat"
    assert stable(signed) == "https://e.net/a.jpg?id=4&keyword=cat"
    assert stable("https://e.net/a.jpg?b=%20&a=1#top") == "https://e.net/a.jpg?b=%20&a=1"


def test_a_listing_that_is_not_read_to_its_end_leaves_no_command_running(site, tmp_path, monkeypatch):
    ended = threading.Event()

    class Watched(gallery_dl.subprocess.Popen):
        def __exit__(self, *args: object) -> None:
            super().__exit__(*args)
            assert self.returncode is not None
            ended.set()

    monkeypatch.setattr(gallery_dl.subprocess, "Popen", Watched)
    spec = GalleryDlSpec(url=gallery_page.ADDRESS, limit=1)
    assert len(scrape(spec, tmp_path)) == 1
    assert ended.is_set()

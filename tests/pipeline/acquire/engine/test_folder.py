"""Source folder: whatever lies there is a row, and nothing outside is touched."""

from __future__ import annotations

import dataclasses
import io
import json
import lzma
import os
import struct
import tarfile
import zipfile
import zlib
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import manifest
from pipeline.acquire import folder_names, folder_trees
from pipeline.acquire.acquire import acquire, outlook
from pipeline.acquire.folder import FolderSpec
from pipeline.errors import MissingInput
from pipeline.records import RawRow
from tests import raw
from tests.servers.pictures import picture

JPG = picture(1)


@pytest.fixture
def here(tmp_path) -> Path:
    (tmp_path / "pictures").mkdir()
    return tmp_path / "pictures"


@pytest.fixture
def rows(data, go):
    """Acquire what is there, and give the rows by source_id."""

    def run(path: Path, **keys) -> dict[str, RawRow]:
        spec = FolderSpec(path=path, **keys)
        go(spec)
        return raw.by_name(data, spec)

    return run


def put(path: Path, content: bytes = JPG) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def fates(rows: dict[str, RawRow]) -> dict[str, str]:
    return {name: row.reason or row.status for name, row in rows.items()}


def bomb(side: int = 30_000) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def test_bad_files_are_rows_with_reasons(here, rows):
    put(here / "good.jpg")
    put(here / "text.jpg", b"this is text")
    put(here / "empty.jpg", b"")
    put(here / "bomb.png", bomb())
    put(here / "cut.jpg", JPG[:-100])
    put(here / "no suffix")
    put(here / "clip.mp4", b"moving")
    assert fates(rows(here)) == {
        "bomb.png": "too_large",
        "clip.mp4": "video",
        "cut.jpg": "truncated",
        "empty.jpg": "not_an_image",
        "good.jpg": "fetched",
        "no suffix": "fetched",
        "text.jpg": "not_an_image",
    }


def test_what_lies_beside_pictures_is_not_listed(here, rows):
    put(here / "a.jpg")
    for name in ("a.json.xz", "notes.txt", ".hidden.jpg", ".git/b.jpg", "list.csv", "Thumbs.db"):
        put(here / name)
    assert list(rows(here)) == ["a.jpg"]


NAMES = [
    "two words.jpg",
    "new\nline.jpg",
    "naïve — ночь 夜.jpg",
    "per%cent#?.jpg",
    "'quo\"te.jpg",
    "a\\b.jpg",
    "-rf.jpg",
]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_fetched_and_found_again(here, rows, name, tmp_path):
    put(here / name)
    row = rows(here)[name]
    assert row.status == "fetched"
    assert (tmp_path / "data" / row.path).read_bytes() == JPG
    assert row.source_url.startswith("file:///")
    assert row.source_url.isascii()
    assert " " not in row.source_url
    assert "\n" not in row.source_url


def test_a_name_that_is_no_text_is_kept_readable(here, rows):
    (here / os.fsdecode(b"caf\xe9.jpg")).write_bytes(JPG)
    found = rows(here)
    assert fates(found) == {"caf\\xe9.jpg": "fetched"}
    assert found["caf\\xe9.jpg"].source_url.endswith("/caf%E9.jpg")


def test_links_that_leave_the_folder_are_not_followed(here, rows, tmp_path):
    secret = put(tmp_path / "secret" / "s.jpg")
    put(here / "own" / "a.jpg")
    (here / "out.jpg").symlink_to(secret)
    (here / "out").symlink_to(secret.parent)
    (here / "gone.jpg").symlink_to(here / "nowhere.jpg")
    (here / "within.jpg").symlink_to(here / "own" / "a.jpg")
    (here / "ring").symlink_to(here)
    assert fates(rows(here)) == {
        "gone.jpg": "unsafe_path",
        "out": "unsafe_path",
        "out.jpg": "unsafe_path",
        "within.jpg": "fetched",
        "own/a.jpg": "fetched",
    }


def test_a_file_that_becomes_a_link_after_listing_is_not_followed(here, tmp_path):
    path = put(here / "a.jpg")
    with folder_trees.opened(here) as tree:
        [file] = tree.files()
        path.unlink()
        path.symlink_to(put(tmp_path / "secret.jpg"))
        with pytest.raises(Exception, match="unreadable"):
            file.read(10)


def test_a_pipe_stops_nobody(here, rows):
    put(here / "a.jpg")
    os.mkfifo(here / "pipe.jpg")
    assert fates(rows(here)) == {"a.jpg": "fetched"}


def test_what_may_not_be_read_is_a_row(here, rows, monkeypatch):
    put(here / "a.jpg")
    put(here / "locked.jpg")
    put(here / "locked" / "b.jpg")
    # Tests may run as root, whom permissions do not stop.
    true_open, true_scan = os.open, os.scandir

    def open_(path, *rest, **named):
        if str(path).endswith("locked.jpg"):
            raise PermissionError(13, "Permission denied")
        return true_open(path, *rest, **named)

    def scan(path):
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied")
        return true_scan(path)

    monkeypatch.setattr(folder_trees.os, "open", open_)
    monkeypatch.setattr(folder_trees.os, "scandir", scan)
    assert fates(rows(here)) == {"a.jpg": "fetched", "locked.jpg": "unreadable", "locked": "unreadable"}


def test_the_order_is_the_one_people_expect(here, rows):
    for name in ("10.jpg", "2.jpg", "1.jpg", "b/1.jpg", "a/10.jpg", "a/9.jpg"):
        put(here / name)
    assert list(rows(here)) == ["1.jpg", "2.jpg", "10.jpg", "a/9.jpg", "a/10.jpg", "b/1.jpg"]


def test_include_takes_a_part_and_recipes_share_the_collection(here, rows, tmp_path, fake_time):
    put(here / "cats" / "1.jpg")
    put(here / "dogs" / "1.jpg", picture(2))
    assert list(rows(here, include=("cats/*",))) == ["cats/1.jpg"]
    assert list(rows(here, include=("dogs/*",))) == ["cats/1.jpg", "dogs/1.jpg"]
    dogs = FolderSpec(path=here, include=("dogs/*",))
    assert manifest.selected(tmp_path / "data", [dogs.selection])["source_id"].to_pylist() == ["dogs/1.jpg"]
    assert outlook(dogs, tmp_path / "data", now=fake_time.now).done


def test_new_and_changed_files_are_noticed_at_once(here, rows, tmp_path, fake_time):
    put(here / "a.jpg")
    put(here / "b.jpg", picture(2))
    spec = FolderSpec(path=here)
    first = rows(here)
    assert outlook(spec, tmp_path / "data", now=fake_time.now).done
    put(here / "0.jpg", picture(3))
    put(here / "a.jpg", picture(4))
    os.utime(here / "a.jpg", ns=(1, 1))
    assert outlook(spec, tmp_path / "data", now=fake_time.now).why == "the source has changed"
    second = rows(here)
    assert list(second) == ["a.jpg", "b.jpg", "0.jpg"]
    assert second["b.jpg"] == first["b.jpg"]
    assert second["a.jpg"].image_id != first["a.jpg"].image_id
    assert outlook(spec, tmp_path / "data", now=fake_time.now).done


def test_a_file_that_comes_while_the_folder_is_read_is_noticed_by_the_next_run(
    here, tmp_path, client, fake_time
):
    class Busy(FolderSpec):
        @contextmanager
        def open(self, doors):
            with FolderSpec.open(self, doors) as source:
                put(here / "late.jpg", picture(2))
                yield source

    put(here / "a.jpg")
    acquire(Busy(path=here), tmp_path / "data", client=client, now=fake_time.now)
    assert not outlook(FolderSpec(path=here), tmp_path / "data", now=fake_time.now).done


def test_a_text_that_is_replaced_by_a_picture_becomes_one(here, rows):
    put(here / "a.jpg", b"text")
    assert fates(rows(here)) == {"a.jpg": "not_an_image"}
    put(here / "a.jpg")
    assert fates(rows(here)) == {"a.jpg": "fetched"}


def test_what_was_fetched_stays_when_its_file_goes(here, rows, tmp_path):
    put(here / "a.jpg")
    put(here / "b.jpg")
    rows(here)
    (here / "a.jpg").unlink()
    row = rows(here)["a.jpg"]
    assert row.status == "fetched"
    assert (tmp_path / "data" / row.path).exists()


def test_a_folder_that_is_not_there_is_named_in_one_line(rows, tmp_path):
    with pytest.raises(MissingInput, match=r"nowhere: no such folder or archive; check source\.path"):
        rows(tmp_path / "nowhere")
    assert not (tmp_path / "data").exists()


def test_the_collection_is_named_by_the_folder_not_by_the_recipe(here):
    plain = FolderSpec(path=here)
    assert plain.collection.startswith("pictures-")
    assert len(plain.collection) == len("pictures-") + 8
    assert FolderSpec(path=here, limit=3, include=("*.jpg",)).collection == plain.collection
    assert FolderSpec(path=here / ".." / "pictures").collection == plain.collection
    assert FolderSpec(path=here.parent).collection != plain.collection


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def tarred(path: Path, members: dict[str, bytes], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


MEMBERS = {
    "set/a.jpg": JPG,
    "set/b b.jpg": picture(2),
    "set/text.jpg": b"text",
    "set/notes.txt": b"notes",
    "../escape.jpg": JPG,
    "/etc/absolute.jpg": JPG,
}
EXPECTED = {
    "set/a.jpg": "fetched",
    "set/b b.jpg": "fetched",
    "set/text.jpg": "not_an_image",
    "../escape.jpg": "unsafe_path",
    "/etc/absolute.jpg": "unsafe_path",
}


@pytest.mark.parametrize("suffix", ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"])
def test_archives_are_read_where_they_lie(tmp_path, rows, suffix):
    path = tmp_path / f"set.{suffix}"
    if suffix == "zip":
        zipped(path, MEMBERS)
    else:
        tarred(path, MEMBERS, "w:" + suffix.partition(".")[2])
    before = {file for file in tmp_path.rglob("*") if file.is_file()}
    found = rows(path)
    assert fates(found) == EXPECTED
    assert found["set/a.jpg"].source_url == f"file://{path}!/set/a.jpg"
    assert FolderSpec(path=path).collection.startswith("set-")
    new = {file for file in tmp_path.rglob("*") if file.is_file()} - before
    assert all(file.is_relative_to(tmp_path / "data" / "raw") for file in new)
    assert len(new) == 2 + 2


def test_links_in_an_archive_stay_within_it(tmp_path, rows):
    with tarfile.open(tmp_path / "links.tar", "w") as archive:
        for name, target in {"out.jpg": "/etc/passwd", "up.jpg": "../../x.jpg", "same.jpg": "a.jpg"}.items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
        info = tarfile.TarInfo("a.jpg")
        info.size = len(JPG)
        archive.addfile(info, io.BytesIO(JPG))
    assert fates(rows(tmp_path / "links.tar")) == {
        "out.jpg": "unsafe_path",
        "up.jpg": "unsafe_path",
        "same.jpg": "fetched",
        "a.jpg": "fetched",
    }


def test_a_damaged_member_is_a_row_and_a_damaged_archive_one_line(tmp_path, rows):
    path = zipped(tmp_path / "set.zip", {"a.jpg": JPG, "b.jpg": picture(2)})
    content = bytearray(path.read_bytes())
    content[60:70] = b"\xff" * 10
    path.write_bytes(content)
    assert fates(rows(path)) == {"a.jpg": "truncated", "b.jpg": "fetched"}
    put(tmp_path / "not.zip", b"PK\x03\x04 no archive at all")
    with pytest.raises(MissingInput, match=r"not\.zip: neither a folder nor a readable zip or tar archive"):
        rows(tmp_path / "not.zip")
    whole = tarred(tmp_path / "set.tar.gz", MEMBERS).read_bytes()
    put(tmp_path / "cut.tar.gz", whole[: len(whole) // 2])
    with pytest.raises(MissingInput, match=r"cut\.tar\.gz: the archive breaks off"):
        rows(tmp_path / "cut.tar.gz")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_an_archive_holds_twice_is_two_rows(tmp_path, rows):
    with zipfile.ZipFile(tmp_path / "twice.zip", "w") as archive:
        archive.writestr("a.jpg", JPG)
        archive.writestr("a.jpg", picture(2))
    found = rows(tmp_path / "twice.zip")
    assert fates(found) == {"a.jpg": "fetched", "a.jpg~": "fetched"}
    assert found["a.jpg"].image_id != found["a.jpg~"].image_id


@pytest.mark.parametrize(
    ("name", "author", "title", "year"),
    [
        ("portrait/albrecht-durer+self-portrait.jpg", "Albrecht Durer", "Self portrait", None),
        ("Impressionism/claude-monet_water-lilies-1916.jpg", "Claude Monet", "Water lilies", 1916),
        ("Post_Impressionism/vincent-van-gogh_roses-1889-1.jpg", "Vincent Van Gogh", "Roses", 1889),
        ("Art_Nouveau_Modern/théo_l-été.jpg", "Théo", "L été", None),
        ("bonsai/image_0001.jpg", None, None, None),
        ("Bonsai/image_0001.jpg", None, None, None),
        ("shoes/IMG_2020.jpg", None, None, None),
        ("a.jpg", None, None, None),
    ],
)
def test_names_tell_author_title_and_year(name, author, title, year):
    told = folder_names.Reader(lambda _: None).read(name)
    assert (told.author, told.title) == (author, title)
    assert (told.published_at.year if told.published_at else None) == year
    assert told.year == (str(year) if year else None)
    folder = name.partition("/")[0]
    assert told.genre == ("portrait" if folder == "portrait" else None)
    assert told.style == (folder.replace("_", " ") if folder.istitle() and author else None)


INSTALOADER = {
    "node": {
        "shortcode": "Bxyz123",
        "owner": {"username": "anna.paints"},
        "edge_media_to_caption": {"edges": [{"node": {"text": "A cat\n  at night " + "x" * 300}}]},
    }
}


def test_instaloaders_folders_are_understood(here, rows):
    put(here / "anna" / "2020-01-31_12-00-00_UTC_1.jpg")
    put(here / "anna" / "2020-01-31_12-00-00_UTC_2.jpg", picture(2))
    put(here / "anna" / "2020-01-31_12-00-00_UTC.json.xz", lzma.compress(json.dumps(INSTALOADER).encode()))
    put(here / "anna" / "2020-02-01_00-00-00_UTC.jpg", picture(3))
    put(here / "anna" / "2020-02-01_00-00-00_UTC.json.xz", b"damaged")
    put(here / "anna" / "2020-13-99_00-00-00_UTC.jpg", picture(4))
    found = rows(here)
    row = found["anna/2020-01-31_12-00-00_UTC_2.jpg"]
    assert (row.author, row.page_url) == ("anna.paints", "https://www.instagram.com/p/Bxyz123/")
    assert row.published_at.isoformat() == "2020-01-31T12:00:00+00:00"
    assert row.title.startswith("A cat at night xxx")
    assert len(row.title) == 200
    plain = found["anna/2020-02-01_00-00-00_UTC.jpg"]
    assert (plain.author, plain.title, plain.published_at.month) == ("anna", None, 2)
    assert found["anna/2020-13-99_00-00-00_UTC.jpg"].published_at is None
    assert len(found) == 4


def test_instagram_scrapers_folders_are_understood(here, rows):
    name = "12345678_2345678_3456789_n.jpg"
    post = {
        "shortcode": "Babc",
        "taken_at_timestamp": 1_580_472_000,
        "urls": [f"https://scontent.cdninstagram.com/v/t51/{name}?_nc_ht=x"],
        "edge_media_to_caption": {"edges": []},
    }
    put(here / "sneakers" / name)
    put(here / "sneakers" / "1_2_3_n.jpg", picture(2))
    put(here / "sneakers" / "sneakers.json", json.dumps({"GraphImages": [post]}).encode())
    found = rows(here)
    row = found[f"sneakers/{name}"]
    assert (row.author, row.page_url) == ("sneakers", "https://www.instagram.com/p/Babc/")
    assert row.published_at.isoformat() == "2020-01-31T12:00:00+00:00"
    assert found["sneakers/1_2_3_n.jpg"].author == "sneakers"
    assert found["sneakers/1_2_3_n.jpg"].page_url is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["node", "owner", "username", "shortcode", "GraphImages", "urls", "display_url", "edges"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(json_values, st.sampled_from(["2020-01-31_12-00-00_UTC.jpg", "u/1_2_3_n.jpg"]))
def test_no_sidecar_can_break_a_listing(value, name):
    content = json.dumps(value).encode()
    folder_names.Reader(lambda asked: content if asked.endswith(".json") else None).read(name)


@pytest.mark.skipif(
    "IMPASTO_PICTURES" not in os.environ, reason="IMPASTO_PICTURES names no folder of pictures"
)
def test_thousands_of_files_are_decided_in_a_moment(rows, tmp_path, fake_time):
    import time

    spec = FolderSpec(path=Path(os.environ["IMPASTO_PICTURES"]) / "clothing128")
    found = rows(spec.path)
    assert {row.status for row in found.values()} == {"fetched"}
    began = time.process_time()
    assert outlook(dataclasses.replace(spec), tmp_path / "data", now=fake_time.now).done
    assert time.process_time() - began < 1

"""Source folder: whatever lies there is a row, and nothing outside is touched."""

from __future__ import annotations

import dataclasses
import os
import struct
import zlib
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline import manifest
from pipeline.acquire import folder_trees
from pipeline.acquire.acquire import acquire, outlook
from pipeline.acquire.folder import FolderSpec
from pipeline.errors import MissingInput
from tests.servers.files import JPG, fates, put
from tests.servers.pictures import picture


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
    found = manifest.selected(tmp_path / "data", [dogs.selection], ["source_id"])
    assert found["source_id"].to_pylist() == ["dogs/1.jpg"]
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

"""Source folder on archives: read where they lie, nothing unpacked, nothing outside touched."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from pipeline.acquire.folder import FolderSpec
from pipeline.errors import MissingInput
from tests.servers.files import JPG, fates, put
from tests.servers.pictures import picture


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

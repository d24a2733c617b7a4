"""Folders and archives as the same thing: files with a name, a version, and bytes that can be read.

Archives are read where they lie; nothing of them is unpacked to disk. No name that comes from them becomes a
path of ours, and nothing outside of a folder is read through it.
"""

from __future__ import annotations

import lzma
import os
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import NamedTuple, Protocol
from urllib.parse import quote

from pipeline.errors import MissingInput, PictureFault

_DIGITS = re.compile(r"([0-9]+)")
_SIDECAR_BYTES = 8 * 2**20
_BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError)


class File(NamedTuple):
    name: str  # path within the tree, with slashes; bytes that are no text are escaped
    url: str
    version: str  # differs when the bytes do
    read: Callable[[int], bytes]  # the first so many bytes; raises PictureFault


class Tree(Protocol):
    parallel: int  # files that may be read at once

    def files(self) -> Iterator[File]: ...

    def beside(self, name: str) -> bytes | None:
        """A small file with this name, where reading it is cheap."""
        ...


@contextmanager
def opened(path: Path) -> Iterator[Tree]:
    """The tree at `path`; raises MissingInput where there is none."""
    if path.is_dir():
        yield Directory(path)
        return
    if not path.exists():
        raise MissingInput(f"{path}: no such folder or archive; check source.path")
    archive = _archive(path)
    with archive:
        yield Zip(path, archive) if isinstance(archive, zipfile.ZipFile) else Tar(path, archive)


def _archive(path: Path) -> zipfile.ZipFile | tarfile.TarFile:
    try:
        return zipfile.ZipFile(path) if zipfile.is_zipfile(path) else tarfile.open(path)
    except (*_BROKEN, OSError) as error:
        raise MissingInput(f"{path}: neither a folder nor a readable zip or tar archive ({error})") from error


class Directory:
    """A folder, read in natural order: 2.jpg before 10.jpg, the files of a folder before its subfolders."""

    parallel = 4

    def __init__(self, root: Path) -> None:
        self._root = root
        self._real = os.path.realpath(root)

    def files(self) -> Iterator[File]:
        yield from self._walk(self._real, "")

    def beside(self, name: str) -> bytes | None:
        try:
            return (self._root / name).read_bytes()
        except (OSError, ValueError):
            return None

    def _walk(self, folder: str, prefix: str) -> Iterator[File]:
        try:
            with os.scandir(folder) as found:
                entries = sorted(found, key=lambda entry: _natural(entry.name))
        except OSError as error:
            yield self._fault(prefix.rstrip("/"), "unreadable", error.strerror)
            return
        below = list[os.DirEntry[str]]()
        for entry in entries:
            if entry.is_symlink():
                yield from self._link(entry.path, prefix + entry.name)
            elif entry.is_dir():
                below.append(entry)
            elif entry.is_file():
                yield self._file(entry.path, prefix + entry.name, entry.stat())
        for entry in below:
            yield from self._walk(entry.path, f"{prefix}{entry.name}/")

    def _link(self, path: str, name: str) -> Iterator[File]:
        """Links within the folder give files; linked folders are walked where they really are."""
        target = Path(os.path.realpath(path))
        if not target.is_relative_to(self._real):
            yield self._fault(name, "unsafe_path", "a link that leaves the folder")
        elif not target.exists():
            yield self._fault(name, "unsafe_path", "a link to nothing")
        elif target.is_file():
            yield self._file(str(target), name, target.stat())

    def _file(self, path: str, name: str, found: os.stat_result) -> File:
        version = f"{found.st_size}-{found.st_mtime_ns}"
        return File(_text(name), self._url(name), version, partial(_read_file, path))

    def _fault(self, name: str, slug: str, detail: str | None) -> File:
        return File(_text(name), self._url(name), slug, partial(_raise, slug, detail or ""))

    def _url(self, name: str) -> str:
        return "file://" + quote(os.fsencode(f"{self._root}/{name}"))


class Zip:
    parallel = 4

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self._path, self._archive = path, archive

    def files(self) -> Iterator[File]:
        for member in self._archive.infolist():
            if not member.is_dir():
                version = f"{member.file_size}-{member.CRC:08x}"
                yield _member(self._path, member.filename, version, partial(self._read, member))

    def beside(self, name: str) -> bytes | None:
        try:
            return self._read(self._archive.getinfo(name), _SIDECAR_BYTES)
        except (KeyError, PictureFault):
            return None

    def _read(self, member: zipfile.ZipInfo, most: int) -> bytes:
        try:
            with self._archive.open(member) as file:
                return file.read(most)
        except _BROKEN as error:
            raise PictureFault("truncated", str(error)) from error
        except (RuntimeError, NotImplementedError, OSError) as error:  # a password, an unknown compression
            raise PictureFault("unreadable", str(error)) from error


class Tar:
    """Read in its own order by one thread: going back in a compressed one means starting over."""

    parallel = 1

    def __init__(self, path: Path, archive: tarfile.TarFile) -> None:
        self._path, self._archive = path, archive

    def files(self) -> Iterator[File]:
        try:
            members = self._archive.getmembers()
        except (*_BROKEN, OSError) as error:
            raise MissingInput(f"{self._path}: the archive breaks off ({error}); fetch it again") from error
        for member in members:
            if not (member.isdir() or member.isdev()):
                version = f"{member.size}-{member.mtime}"
                yield _member(self._path, member.name, version, partial(self._read, member))

    def beside(self, name: str) -> bytes | None:  # noqa: ARG002 (archives have none)
        return None

    def _read(self, member: tarfile.TarInfo, most: int) -> bytes:
        try:
            file = self._archive.extractfile(member)
            if file is None:
                raise PictureFault("unreadable", "not an ordinary file")
            with file:
                return file.read(most)
        except KeyError as error:
            raise PictureFault("unsafe_path", "a link that leaves the archive") from error
        except (*_BROKEN, OSError) as error:
            raise PictureFault("truncated", str(error)) from error


def _member(archive: Path, name: str, version: str, read: Callable[[int], bytes]) -> File:
    parts = PurePosixPath(name).parts
    if ".." in parts or name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name):
        read = partial(_raise, "unsafe_path", "a name that leaves the archive")
    url = f"file://{quote(os.fsencode(archive))}!/{quote(name.encode(errors='surrogateescape'))}"
    return File(_text(name), url, version, read)


def _read_file(path: str, most: int) -> bytes:
    try:
        # A file that became a link or a pipe since it was listed is not followed, nor waited for.
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise PictureFault("unreadable", "not an ordinary file")
            return file.read(most)
    except FileNotFoundError as error:
        raise PictureFault("http_404", "the file is no longer there") from error
    except OSError as error:
        raise PictureFault("unreadable", error.strerror or str(error)) from error


def _raise(slug: str, detail: str, _most: int) -> bytes:
    raise PictureFault(slug, detail)


def _text(name: str) -> str:
    """`name` without the bytes that are no UTF-8: they become `\\xff`."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _natural(name: str) -> tuple[list[str | int], str]:
    parts: list[str | int] = list(_DIGITS.split(name))
    parts[1::2] = map(int, parts[1::2])
    return parts, name

"""Source `folder`: pictures that are on this machine already, in a folder or an archive.

Listed is every file but hidden ones and what commonly lies beside pictures (.json, .txt …), whatever its
suffix says: text called .jpg is a row with a reason. Names tell author, title and date in the layouts of the
tools that people download with (see folder_names). Bytes are copied: what the folder's owner does to it
later changes nothing here, until the next listing finds that a file's size or time has changed.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import ClassVar

from pipeline.acquire import folder_names, folder_trees
from pipeline.acquire.decode_check import MAX_BYTES
from pipeline.acquire.folder_trees import File, Tree
from pipeline.acquire.local import LocalSpec
from pipeline.acquire.source import Doors, Memory
from pipeline.errors import MissingInput, PictureFault
from pipeline.records import Listed, Selection

_HIDDEN = re.compile(r"(^|/)(\.(?!\./)|__MACOSX/)")
_VIDEOS = frozenset(".mp4 .m4v .mov .webm .avi .mkv .mpg .mpeg".split())
_BESIDE = frozenset(
    ".json .jsonl .xz .txt .md .csv .tsv .parquet .xml .html .htm .url .pdf .yaml .yml .toml .ini .log .db "
    ".sqlite .py .sh .npy .npz .mat .pkl .pt .zip .tar .gz .tgz .bz2 .7z .rar".split()
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderSpec(LocalSpec):
    kind: ClassVar[str] = "folder"
    # path: a folder, or a zip or tar archive
    include: tuple[str, ...] = ()  # glob patterns over the paths within it; empty: all

    @property
    def scope(self) -> str:
        return " ".join(sorted(self.include))

    @property
    def selection(self) -> Selection:
        return Selection(self.kind, self.collection, include=self.include, limit=self.limit)

    def fingerprint(self) -> str | None:
        """Names, sizes and times of the files; None where the folder is gone."""
        try:
            with folder_trees.opened(self.absolute) as tree:
                lines = [f"{file.name}\0{file.version}" for file in self.files(tree)]
        except MissingInput:
            return None
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    @contextmanager
    def open(self, doors: Doors) -> Iterator[FolderSource]:  # noqa: ARG002 (this machine is asked, nobody else)
        with folder_trees.opened(self.absolute) as tree:
            yield FolderSource(self, tree)

    def files(self, tree: Tree) -> Iterator[File]:
        """What of `tree` is listed, each under a name of its own."""
        taken = set[str]()
        for file in tree.files():
            name = file.name
            if _HIDDEN.search(name) or _suffix(name) in _BESIDE or not self._included(name):
                continue
            while name in taken:  # archives may hold a name twice
                name += "~"
            taken.add(name)
            yield file._replace(name=name)

    def _included(self, name: str) -> bool:
        return not self.include or any(fnmatchcase(name, glob) for glob in self.include)


class FolderSource:
    def __init__(self, spec: FolderSpec, tree: Tree) -> None:
        self._spec, self._tree = spec, tree
        self._files = {file.name: file for file in spec.files(tree)}
        self.parallel = tree.parallel

    def list_pictures(self, memory: Memory) -> Iterator[Listed]:  # noqa: ARG002 (listing again costs nothing)
        names = folder_names.Reader(self._tree.beside)
        collection = self._spec.collection
        for file in self._files.values():
            said = names.read(file.name)
            yield Listed(
                self._spec.kind,
                collection,
                file.name,
                0,
                file.url,
                page_url=said.page_url,
                author=said.author,
                title=said.title,
                published_at=said.published_at,
                skip="video" if _suffix(file.name) in _VIDEOS else None,
                version=file.version,
                year=said.year,
                genre=said.genre,
                style=said.style,
            )

    def position(self) -> str | None:
        return None

    def fetch(self, picture: Listed) -> bytes:
        file = self._files.get(picture.source_id)
        if file is None:
            raise PictureFault("http_404", "the file is no longer there")
        content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise PictureFault("too_large", f"more than {MAX_BYTES} bytes")
        return content


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()  # noqa: PTH122 (a string, of thousands)

"""What file names tell of pictures, in the layouts of the tools that people download with.

2020-01-31_12-00-00_UTC_1.jpg      instaloader; 2020-01-31_12-00-00_UTC.json.xz beside it tells more
1234567_1234567890_987654321_n.jpg instagram-scraper, in a folder named after the account
portrait/albrecht-durer+self-portrait.jpg             GANGogh and its Kaggle set
Northern_Renaissance/albrecht-durer_self-portrait-1500.jpg   ArtGAN's WikiArt
"""

from __future__ import annotations

import datetime as dt
import json
import lzma
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any


@dataclass(frozen=True, slots=True)
class Said:
    author: str | None = None
    title: str | None = None
    published_at: dt.datetime | None = None  # UTC
    page_url: str | None = None
    year: str | None = None
    genre: str | None = None
    style: str | None = None


_INSTALOADER = re.compile(r"(\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d)_UTC(?:_\d+)?(?:_profile_pic)?")
_SCRAPER = re.compile(r"\d+_\d+_\d+_[a-z]")
_ARTGAN = re.compile(r"(?P<author>[^\W\d_][^\d_]*)_(?P<title>.*[^\W\d_].*)")
_STYLE = re.compile(r"[A-Z][a-z]+(?:[_-][A-Za-z]+)*")
_YEAR = re.compile(r"-(1[0-9]{3}|20[0-9]{2})(-\d+)?$")


class Reader:
    """`beside` reads a small file of the same tree, or gives None."""

    def __init__(self, beside: Callable[[str], bytes | None]) -> None:
        self._beside = beside
        self._json = lru_cache(maxsize=64)(self._read_json)
        self._scraped = lru_cache(maxsize=4)(self._read_scraped)

    def read(self, name: str) -> Said:
        path = PurePosixPath(name)
        if match := _INSTALOADER.fullmatch(path.stem):
            return self._instaloader(path, match[1])
        if _SCRAPER.fullmatch(path.stem) and path.parent.name:
            return self._scraper(path)
        return _painting(path)

    def _instaloader(self, path: PurePosixPath, moment: str) -> Said:
        base = path.parent / f"{moment}_UTC"
        node = _dig(self._json(f"{base}.json.xz") or self._json(f"{base}.json"), "node")
        author = _line(_dig(node, "owner", "username")) or path.parent.name or None
        try:
            taken = dt.datetime.strptime(moment, "%Y-%m-%d_%H-%M-%S").replace(tzinfo=dt.UTC)
        except ValueError:
            taken = None
        return Said(author, _caption(node), taken, _page(node))

    def _scraper(self, path: PurePosixPath) -> Said:
        account = path.parent.name
        post = self._scraped(str(path.parent / f"{account}.json")).get(path.stem)
        try:
            taken = dt.datetime.fromtimestamp(_dig(post, "taken_at_timestamp"), dt.UTC)
        except (TypeError, ValueError, OverflowError, OSError):
            taken = None
        return Said(account, _caption(post), taken, _page(post))

    def _read_scraped(self, name: str) -> dict[str, Any]:
        """Posts by the stems of their pictures' file names."""
        return {
            PurePosixPath(url.partition("?")[0]).stem: post
            for post in _list(_dig(self._json(name), "GraphImages"))
            for url in [*_list(_dig(post, "urls")), _dig(post, "display_url")]
            if isinstance(url, str)
        }

    def _read_json(self, name: str) -> Any:
        content = self._beside(name)
        try:
            if content is not None:
                return json.loads(lzma.decompress(content) if name.endswith(".xz") else content)
        except (ValueError, lzma.LZMAError):
            pass
        return None


def _painting(path: PurePosixPath) -> Said:
    author, plus, title = path.stem.partition("+")
    if not plus:
        match = _ARTGAN.fullmatch(path.stem)
        if match is None or not _STYLE.fullmatch(path.parent.name):
            return Said()
        author, title = match["author"], match["title"]
    if not author or not title:
        return Said()
    year = _YEAR.search(title)
    group = _words(path.parent.name) or None
    return Said(
        author=_words(author).title(),
        title=_words(_YEAR.sub("", title)).capitalize(),
        published_at=dt.datetime(int(year[1]), 1, 1, tzinfo=dt.UTC) if year else None,
        year=year and year[1],
        genre=group if plus else None,
        style=None if plus else group,
    )


def _words(slug: str) -> str:
    return " ".join(re.split(r"[-_\s]+", slug)).strip()


def _caption(post: Any) -> str | None:
    return _line(_dig(post, "edge_media_to_caption", "edges", 0, "node", "text"))


def _page(post: Any) -> str | None:
    shortcode = _dig(post, "shortcode")
    return f"https://www.instagram.com/p/{shortcode}/" if isinstance(shortcode, str) else None


def _line(text: Any) -> str | None:
    """The first 200 characters in one line, or None."""
    return " ".join(text.split())[:200] or None if isinstance(text, str) else None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _dig(value: Any, *path: str | int) -> Any:
    """What lies at `path` within parsed JSON; None where there is no such place."""
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value

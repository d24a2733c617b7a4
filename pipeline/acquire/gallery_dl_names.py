"""gallery-dl's metadata as our records: every site names things in its own way."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from pipeline.acquire.captions import one_line
from pipeline.records import Listed

# Of the fields that sites use, the first that is there counts.
_ID = "id post_id image_id photo_id media_id gallery_id illust_id tweet_id hash".split()
_AUTHOR = "author artist username user uploader creator owner account".split()
_TITLE = "title caption description content".split()
_PAGE = "post_url page_url pageurl webpage_url permalink gallery_url".split()
_LICENCE = "license licence license_name".split()
_NAME = "name username nick full_name login title url".split()  # of a person or licence that is an object

_VIDEOS = frozenset("mp4 m4v mov webm avi mkv mpg mpeg flv".split())
_NO_PICTURES = frozenset("zip rar 7z pdf epub txt html json mp3 m4a ogg flac wav swf psd clip".split())
# Parameters that sign an address: they change, and may be somebody's key.
_SIGNATURE = re.compile(
    r"(?i)^(x-amz-.*|.*(token|signature|expire|hmac|policy|secret).*|sig|auth|api_?key|key-pair-id|oh|oe)$"
)


class Names:
    """Gives each file of one listing a key of its own, the same in every listing."""

    def __init__(self, kind: str, collection: str) -> None:
        self._kind, self._collection = kind, collection
        self._taken = dict[tuple[str, int], str]()

    def listed(self, said: Mapping[str, Any]) -> Listed:
        address = stable(str(said["_url"]))
        source_id, item = self._name(said, address)
        extension = str(said.get("extension") or "").lower()
        return Listed(
            self._kind,
            self._collection,
            source_id,
            item,
            source_url=address,
            page_url=_text(said, _PAGE),
            author=_text(said, _AUTHOR),
            title=_text(said, _TITLE),
            published_at=_time(said.get("date")),
            licence=_text(said, _LICENCE),
            skip="video" if extension in _VIDEOS else "not_an_image" if extension in _NO_PICTURES else None,
        )

    def _name(self, said: Mapping[str, Any], address: str) -> tuple[str, int]:
        own = next(
            (said[name] for name in _ID if isinstance(said.get(name), int | str) and said[name] != ""), None
        )
        parts = urlsplit(address)
        number = said.get("num")
        if own is None:  # the address alone tells
            source_id, item = f"{parts.netloc}{parts.path}", 0
        else:
            source_id = f"{said.get('category', '')}/{own}"
            item = number if isinstance(number, int) and number >= 0 else 0
        if self._taken.setdefault((source_id, item), address) != address:
            source_id += f"#{hashlib.sha256(address.encode()).hexdigest()[:8]}"
        return source_id, item


def stable(url: str) -> str:
    """An address without what signs it: nothing that expires, or that is somebody's key."""
    parts = urlsplit(url)
    fields = parse_qsl(parts.query, keep_blank_values=True)
    kept = [(name, value) for name, value in fields if not _SIGNATURE.match(name)]
    query = parts.query if len(kept) == len(fields) else urlencode(kept)
    return parts._replace(query=query, fragment="").geturl()


def headers(said: Mapping[str, Any]) -> dict[str, str]:
    """What the site wants to be sent for this file (a Referer, mostly)."""
    wanted = said.get("_http_headers")
    if not isinstance(wanted, dict):
        return {}
    # Some versions write bytes as Python shows them.
    texts = {str(name): re.sub(r"^b'(.*)'$", r"\1", str(value)) for name, value in wanted.items() if value}
    return {name: text for name, text in texts.items() if text.isascii() and text.isprintable()}


def _text(said: Mapping[str, Any], names: Iterable[str]) -> str | None:
    for name in names:
        value = said.get(name)
        if isinstance(value, dict):
            value = _text(value, _NAME)
        if isinstance(value, str) and (line := one_line(value)):
            return line
    return None


def _time(value: object) -> dt.datetime | None:
    """gallery-dl writes times in UTC, without saying so."""
    try:
        time = dt.datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return time.replace(tzinfo=dt.UTC) if time.tzinfo is None else time.astimezone(dt.UTC)

"""Listings in the shape of WikiArt's: pages of JSON, each with some paintings, until one has none.

Source: www.wikiart.org as its own pages ask it (`?json=2&layout=new&page=N&resultType=masonry`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from pipeline.acquire.client import Check, Client, Response
from pipeline.errors import PictureFault, SourceRefused


@dataclass(frozen=True, slots=True)
class Painting:
    id: str
    image: str  # address of the picture, without a size suffix; empty where the site has none
    title: str | None
    author: str | None
    year: str | None  # text, as the site has it: "1880", "c.1850"
    genre: str | None
    style: str | None
    page: str | None  # path of the painting's page, from the site's root
    goes_on: int  # page of the listing on which the next one stands


def list_paintings(
    client: Client,
    address: str,
    headers: Mapping[str, str],
    *,
    first: int = 1,
    check: Check | None = None,
) -> Iterator[Painting]:
    """Every painting under `address`, from the page `first` on; `check` sees each answer before we do.

    Raises SourceRefused where an answer is not a listing.
    """

    def look(answer: Response) -> None:
        if check is not None:
            check(answer)
        if answer.status == 200:
            _items(answer)

    seen = set[str]()
    for page in count(first):
        url = f"{address}?json=2&layout=new&page={page}&resultType=masonry"
        items = _items(client.get(url, headers=headers, check=look))
        new = {key: item for key, item in items.items() if key not in seen}
        if not new:  # a site may answer with its last page for ever
            return
        seen.update(new)
        *_, last = new
        for key, item in new.items():
            yield _painting(key, item, page + (key == last))


def _items(answer: Response) -> dict[str, Mapping[str, Any]]:
    """What a page lists, by id; raises PictureFault `truncated`, which asks again, where it breaks off."""
    try:
        return {str(item["id"]): item for item in json.loads(answer.body)["Paintings"] or []}
    except (ValueError, KeyError, TypeError) as error:
        start = answer.body[:60].decode(errors="replace")
        if isinstance(error, ValueError) and not start.lstrip().startswith("<"):
            raise PictureFault("truncated", f"{len(answer.body)} bytes of JSON that breaks off") from error
        raise SourceRefused("server_error", f"{answer.url}: not a listing ({start!r})") from error


def _painting(key: str, item: Mapping[str, Any], goes_on: int) -> Painting:
    return Painting(
        id=key,
        image=_text(item.get("image")) or "",
        title=_text(item.get("title")),
        author=_text(item.get("artistName")),
        year=_text(item.get("year") or item.get("completitionYear")),  # the site spells it so
        genre=_text(item.get("genre")),
        style=_text(item.get("style")),
        page=_text(item.get("paintingUrl")),
        goes_on=goes_on,
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)

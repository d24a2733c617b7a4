"""Listings in the shape of WikiArt's: pages of JSON, each with some paintings, until one has none.

Source: www.wikiart.org as its own pages ask it (`?json=2&layout=new&page=N&resultType=masonry`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from pipeline.acquire.client import Client, Response
from pipeline.errors import SourceRefused


@dataclass(frozen=True, slots=True)
class Painting:
    id: str
    image: str  # address of the picture, without a size suffix
    title: str | None
    author: str | None
    year: str | None  # text, as the site has it: "1880", "c.1850"
    page: str | None  # path of the painting's page, from the site's root


def list_paintings(client: Client, address: str, headers: Mapping[str, str]) -> Iterator[Painting]:
    """Every painting under `address`, page by page; raises SourceRefused where an answer is not a listing."""
    for page in count(1):
        answer = client.get(f"{address}?json=2&layout=new&page={page}&resultType=masonry", headers=headers)
        items = _items(answer)
        if not items:
            return
        yield from map(_painting, items)


def _items(answer: Response) -> list[dict[str, Any]]:
    try:
        page = json.loads(answer.body)
        items: list[dict[str, Any]] = page["Paintings"] or []
    except (ValueError, KeyError, TypeError):
        start = answer.body[:60].decode(errors="replace")
        raise SourceRefused("server_error", f"{answer.url}: not a listing ({start!r})") from None
    return items


def _painting(item: Mapping[str, Any]) -> Painting:
    year = item.get("year") or item.get("completitionYear")  # the site spells it so
    return Painting(
        id=str(item["id"]),
        image=str(item.get("image") or ""),
        title=item.get("title"),
        author=item.get("artistName"),
        year=None if year is None else str(year),
        page=item.get("paintingUrl"),
    )

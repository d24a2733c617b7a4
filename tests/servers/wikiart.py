"""What www.wikiart.org answers to who asks without a key: listings in pages, pictures in several sizes."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, ClassVar

from pipeline.acquire.wikiart import WikiArtSpec
from tests.servers.faults import Reply
from tests.servers.pictures import PictureServer, picture

PORTRAITS = "/en/paintings-by-genre/portrait"
HALF_HD, HD, LARGE, ORIGINAL = "!HalfHD.jpg", "!HD.jpg", "!Large.jpg", ""
COUNT = 12  # paintings of the site when all is well
SIZES = (HALF_HD, HD, LARGE, ORIGINAL)


def local(site: PictureServer) -> type[WikiArtSpec]:
    """The source, but with `site` for www.wikiart.org."""

    class LocalWikiArt(WikiArtSpec):
        site: ClassVar[str] = ""

    LocalWikiArt.site = site.url
    return LocalWikiArt


def painting(number: int, **changes: Any) -> dict[str, Any]:
    """One item of a listing; `image` is a path until it is shown."""
    return {
        "id": f"{number:024x}",
        "title": f"Portrait No. {number}",
        "year": "1880",
        "width": 634,
        "height": 750,
        "artistName": "Anders Zorn",
        "image": f"/images/anders-zorn/portrait-{number}.jpg",
        "map": "0123",
        "paintingUrl": f"/en/anders-zorn/portrait-{number}",
        "artistUrl": "/en/anders-zorn",
        "albums": None,
    } | changes


def show(
    site: PictureServer,
    paintings: Sequence[dict[str, Any]],
    path: str = PORTRAITS,
    per_page: int = 5,
    *,
    files: PictureServer | None = None,
) -> None:
    """List these under `path`, their pictures on the site itself or, as WikiArt has it, on another host."""
    images = (files or site).url
    items = [item | {"image": item["image"] and images + item["image"]} for item in paintings]
    pages = [items[start : start + per_page] for start in range(0, len(items), per_page)]
    for number, page in enumerate([*pages, None], start=1):
        answer = {"Paintings": page, "AllPaintingsCount": len(items), "PageSize": per_page}
        site.pages[page_of(number, path)] = Reply.json(answer)


def page_of(number: int, path: str = PORTRAITS) -> str:
    return f"{path}?json=2&layout=new&page={number}&resultType=masonry"


def keep(site: PictureServer, item: dict[str, Any], sizes: Sequence[str] = SIZES) -> dict[str, bytes]:
    """Have the picture of `item` in these sizes; gives the bytes by size."""
    seed = int(item["id"], 16)
    contents = {size: _drawn(seed, SIZES.index(size)) for size in sizes}
    for size, content in contents.items():
        site.add(item["image"] + size, content)
    return contents


def forbid(site: PictureServer, number: int, reply: Reply, *, skip: int = 0) -> None:
    """From now on, or after `skip` of each, every size of one painting is answered with `reply`."""
    for size in SIZES:
        site.faults.add(f"/images/anders-zorn/portrait-{number}.jpg{size}", reply, skip=skip, times=None)


def pictures_asked(site: PictureServer) -> list[str]:
    return [path for path in site.paths() if path.startswith("/images/")]


def pages_asked(site: PictureServer) -> list[str]:
    return [path for path in site.paths() if not path.startswith("/images/")]


@functools.cache
def _drawn(seed: int, size: int) -> bytes:
    return picture(seed * len(SIZES) + size, 24 + 8 * size)

"""What we keep of one Instagram post: a record per picture, and the address where its bytes are just now."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from instaloader import Post

from pipeline.acquire.captions import one_line
from pipeline.errors import PictureFault
from pipeline.records import Listed

KIND = "instagram"


@dataclass(frozen=True, slots=True)
class Found:
    listed: Listed
    address: str | None  # signed, expires within days: never stored with the picture
    fault: PictureFault | None = None  # why there is no address


def pictures_of(post: Post, account: str) -> list[Found]:
    """All items of a post, videos too; raises whatever instaloader does on data it does not understand."""
    author = post.owner_username or account
    title = one_line(post.caption)
    taken_at = post.date_local.astimezone(dt.UTC)
    items = [(node.is_video, node.display_url) for node in post.get_sidecar_nodes()]
    return [
        Found(
            _listed(account, post.shortcode, item, author, title, taken_at, skip="video" if video else None),
            url,
        )
        for item, (video, url) in enumerate(items or [(post.is_video, post.url)])
    ]


def unread(code: str, account: str, fault: PictureFault) -> Found:
    """The first picture of a post of which we know no more than that it is there."""
    return Found(_listed(account, code, 0, account), None, fault)


def _listed(  # noqa: PLR0917 (as the columns are)
    account: str,
    code: str,
    item: int,
    author: str,
    title: str | None = None,
    published_at: dt.datetime | None = None,
    skip: str | None = None,
) -> Listed:
    page_url = f"https://www.instagram.com/p/{code}/"
    return Listed(
        KIND,
        account,
        code,
        item,
        # The address of the bytes changes with every answer; this one holds, and shows the same picture.
        source_url=f"{page_url}?img_index={item + 1}",
        page_url=page_url,
        author=author,
        title=title,
        published_at=published_at,
        skip=skip,
    )

"""Accounts as Instagram's JSON shows them to instaloader 4.16: posts, sidecars, videos, pinned posts.

Pictures are small JPEG files drawn from a seed, so a test can say which bytes belong to which post.
"""

from __future__ import annotations

import functools
import io
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from PIL import Image

Kind = Literal["picture", "video"]
MEDIA_TYPE = {"picture": 1, "video": 2, "sidecar": 8}
FIRST_TAKEN_AT = 1_600_000_000  # UTC seconds of post 0; each later post is an hour younger


@functools.cache
def picture_bytes(seed: str) -> bytes:
    dice = random.Random(seed)
    tiles = Image.frombytes("RGB", (8, 8), dice.randbytes(192))
    buffer = io.BytesIO()
    tiles.resize((96, 96), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=80)
    return buffer.getvalue()


@dataclass(frozen=True)
class Post:
    number: int  # 0 is the oldest
    owner: str
    items: tuple[Kind, ...] = ("picture",)
    caption: str | None = None
    pinned: bool = False
    removed: bool = False  # shown in the listing, gone when asked for

    @property
    def code(self) -> str:
        return f"C{self.number:04d}{self.owner[:4]}"

    @property
    def pk(self) -> str:
        return str(3_000_000_000 + self.number)

    @property
    def taken_at(self) -> int:
        return FIRST_TAKEN_AT + 3600 * self.number

    @property
    def kind(self) -> str:
        return "sidecar" if len(self.items) > 1 else self.items[0]

    def picture(self, item: int) -> bytes:
        return picture_bytes(f"{self.owner}/{self.number}/{item}")


@dataclass
class Account:
    name: str
    posts: list[Post]  # oldest first
    private: bool = False

    @property
    def pk(self) -> str:
        return str(1000 + sum(map(ord, self.name)))

    @property
    def page_id(self) -> str:
        """What the page calls `id`; the user's own number is `pk`."""
        return "178" + self.pk

    def shown(self) -> list[Post]:
        """In the order of the profile: pinned posts, then the newest first."""
        newest = sorted(self.posts, key=lambda post: post.number, reverse=True)
        return [p for p in newest if p.pinned] + [p for p in newest if not p.pinned]

    def user(self) -> dict[str, Any]:
        return {
            "pk": self.pk,
            "id": self.page_id,
            "username": self.name,
            "full_name": self.name.title(),
            "is_private": self.private,
            "profile_pic_url": f"https://scontent.cdninstagram.com/avatar/{self.pk}.jpg",
        }


def account(name: str, count: int, *, sidecars: Sequence[int] = (), videos: Sequence[int] = ()) -> Account:
    """`count` posts; `sidecars` are a picture, a video and another picture, `videos` a video alone."""

    def items(number: int) -> tuple[Kind, ...]:
        if number in sidecars:
            return ("picture", "video", "picture")
        return ("video",) if number in videos else ("picture",)

    posts = [Post(number, name, items(number), f"post {number} of {name}") for number in range(count)]
    return Account(name, posts)


def media(post: Post, account: Account, signature: str) -> dict[str, Any]:
    """A post as the web app gets it, logged in or not; `signature` ends the addresses of its pictures."""
    parts = [_part(post, item, signature) for item in range(len(post.items))]
    return {
        **parts[0],
        "code": post.code,
        "pk": post.pk,
        "id": f"{post.pk}_{account.pk}",
        "media_type": MEDIA_TYPE[post.kind],
        "carousel_media": parts if post.kind == "sidecar" else None,
        "taken_at": post.taken_at,
        "user": account.user(),
        "caption": None if post.caption is None else {"text": post.caption},
        "has_liked": False,
        "like_count": 3,
        "comment_count": 0,
    }


def _part(post: Post, item: int, signature: str) -> dict[str, Any]:
    kind = post.items[item]
    stem = f"https://scontent.cdninstagram.com/v/{post.owner}/{post.number}_{item}"
    part: dict[str, Any] = {
        "pk": f"{post.pk}{item}",
        "media_type": MEDIA_TYPE[kind],
        "image_versions2": {"candidates": [{"url": f"{stem}_n.jpg?{signature}", "width": 96, "height": 96}]},
        "video_versions": None,
    }
    if kind == "video":
        part["video_versions"] = [{"url": f"{stem}.mp4?{signature}", "width": 96, "height": 96}]
    return part

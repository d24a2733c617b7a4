"""Which posts of an account are still to be read, kept in a file so that no crash loses or repeats one.

A *gap* is a stretch of the profile that was begun and not ended: instaloader's frozen iterator tells where
it goes on. With a *floor* it ends at the first post known from earlier; without, at the account's last post.
New posts open a gap at the top. A crash, a limit or `since` may leave several, closed later one by one.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Set
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from instaloader import FrozenNodeIterator, NodeIterator, Post

from pipeline import store

NAME = "posts.json"  # in the collection's folder
# So many posts may stand above newer ones: their age, or that we have them, says nothing of the rest.
PINNED = 3


@dataclass(slots=True)
class Gap:
    frozen: dict[str, Any]  # the fields of a FrozenNodeIterator
    floor: bool
    since: str | None = None  # ISO date: closed down to there, because older posts were not wanted

    @classmethod
    def before(cls, posts: NodeIterator[Post], *, floor: bool) -> Self:
        """All that an iterator not yet used will give."""
        return cls(_frozen(posts), floor)

    @property
    def codes(self) -> list[str]:
        """The posts that come next, as far as the page at hand shows them: a guest asks once for each."""
        return [edge["node"]["code"] for edge in self.frozen["remaining_data"]["edges"]]

    def narrow(self, posts: NodeIterator[Post]) -> str:
        """Leave out the post that `posts` gave, or failed to give, last; gives its shortcode."""
        frozen = _frozen(posts)
        page = frozen["remaining_data"]
        done, *rest = page["edges"]  # freeze() begins with the post at hand
        self.frozen = frozen | {"remaining_data": page | {"edges": rest}, "total_index": posts.total_index}
        return str(done["node"]["code"])

    def fits(self, posts: NodeIterator[Post], now: dt.datetime) -> bool:
        """Whether instaloader can thaw it: same account, same query, same reader, not too old."""
        fresh = _frozen(posts)
        same = ("query_hash", "query_variables", "query_referer", "context_username", "doc_id")
        return all(fresh[name] == self.frozen[name] for name in same) and (
            self.frozen["best_before"] > now.timestamp()
        )

    def thaw(self, posts: NodeIterator[Post]) -> None:
        posts.thaw(FrozenNodeIterator(**self.frozen))


@dataclass(slots=True)
class Agenda:
    path: Path
    gaps: list[Gap] = field(default_factory=list)  # newest first
    unread: dict[str, int] = field(default_factory=dict)  # posts that failed: how often asked again in vain

    @classmethod
    def load(cls, folder: Path) -> Self:
        path = folder / NAME
        try:
            content = json.loads(path.read_text())
            return cls(path, [Gap(**gap) for gap in content["gaps"]], content["unread"])
        except (OSError, ValueError, LookupError, TypeError):
            return cls(path)  # a lost one costs asking again

    def save(self) -> None:
        content = {"gaps": [asdict(gap) for gap in self.gaps], "unread": self.unread}
        store.write_text(self.path, json.dumps(content), durable=False)

    def covered(self, gaps: list[Gap]) -> frozenset[str]:
        """Posts that will be read with `gaps`, or again because they failed."""
        return frozenset(self.unread).union(*(gap.codes for gap in gaps))


def anything_new(codes: list[str], place: int, covered: Set[str]) -> bool:
    """Whether an uncovered post comes before the first covered one that cannot be pinned."""
    for at, code in enumerate(codes, place):
        if code not in covered:
            return True
        if at >= PINNED:
            return False
    return False


def _frozen(posts: NodeIterator[Post]) -> dict[str, Any]:
    # Without its first node: thawed, instaloader would ask for that post again.
    return posts.freeze()._replace(first_node=None)._asdict()

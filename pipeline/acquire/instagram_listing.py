"""One listing of an account: new posts first, then what earlier listings left undone, each post only once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass

import requests
from instaloader import (
    AbortDownloadException,
    BadResponseException,
    InstaloaderContext,
    InstaloaderException,
    NodeIterator,
    Post,
    Profile,
)

from pipeline.acquire.instagram_agenda import PINNED, Agenda, Gap, anything_new
from pipeline.acquire.instagram_posts import Found, pictures_of, unread
from pipeline.acquire.instagram_rates import HOST
from pipeline.errors import PictureFault, SourceRefused
from pipeline.records import Listed

ASKED = 3  # listings that ask again for a post which could not be read
LOST = 5  # posts in a row that cannot be read: then it is not the posts' fault

# What reading one post may raise: instaloader takes the other side's JSON for what it should be.
READING = (
    SourceRefused,
    PictureFault,
    InstaloaderException,
    AbortDownloadException,
    requests.RequestException,
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    AssertionError,
)


@dataclass(slots=True)
class Walk:
    """One listing of an account: every post that is owed, as the pictures it holds."""

    context: InstaloaderContext
    account: str
    agenda: Agenda
    known: frozenset[str]  # shortcodes listed by earlier runs
    complete: bool  # the last listing reached the account's last post
    since: dt.date | None  # older posts are not wanted
    now: dt.datetime  # UTC
    again: Sequence[Listed] = ()  # known pictures that count as listed this time, without being asked for
    lost: int = 0  # posts in a row that could not be read

    def posts(self, profile: Profile) -> Iterator[list[Found]]:
        """The pictures of each post that is owed; it counts as listed once the caller asks for the next.

        Raises SourceRefused, or whatever a page of posts raises.
        """
        newest = profile.get_posts()
        if not all(gap.fits(newest, self.now) for gap in self.agenda.gaps):
            self.agenda.gaps.clear()
            self.complete = False
        older = list(self.agenda.gaps)
        top = Gap.before(newest, floor=self.complete or bool(older))
        self.agenda.gaps.insert(0, top)
        yield from self._close(top, newest, self.known | self.agenda.covered(older))
        yield from self._known_ones()
        unused = newest if newest.total_index == 0 else None
        for place, gap in enumerate(older, 1):
            if self._owed(gap):
                posts, unused = unused or profile.get_posts(), None
                gap.thaw(posts)
                # Its own first post may be known in part: a crash came between two of its pictures.
                below = self.known | self.agenda.covered(older[place:])
                yield from self._close(gap, posts, below - set(gap.codes))
        yield from self._ask_again()

    def _known_ones(self) -> Iterator[list[Found]]:
        for picture in self.again:
            if not self._too_old(found := [Found(picture, None)]):
                yield found

    def _owed(self, gap: Gap) -> bool:
        return gap.since is None or self.since is None or self.since.isoformat() < gap.since

    def _close(self, gap: Gap, posts: NodeIterator[Post], covered: Set[str]) -> Iterator[list[Found]]:
        self.agenda.save()
        while not gap.floor or not gap.codes or anything_new(gap.codes, posts.total_index, covered):
            place = posts.total_index
            try:
                found = pictures_of(next(posts), self.account)
            except StopIteration:
                break
            except READING as error:
                if posts.total_index == place or ends_listing(error):
                    raise  # a page that failed, not a post
                self._set_aside(gap.narrow(posts), error)
                continue
            self.lost = 0
            if not self._too_old(found):
                yield found
            elif place >= PINNED:
                gap.since = str(self.since)
                self.agenda.save()
                return
            gap.narrow(posts)
            self.agenda.save()
        self.agenda.gaps.remove(gap)
        self.agenda.save()

    def _too_old(self, found: list[Found]) -> bool:
        taken_at = found[0].listed.published_at
        return self.since is not None and taken_at is not None and taken_at.date() < self.since

    def _set_aside(self, code: str, error: Exception) -> None:
        """A post that cannot be read does not end the listing, unless none can."""
        self.agenda.unread.setdefault(code, 0)
        self.agenda.save()
        self.lost += 1
        if self.lost >= LOST:
            words = f"{LOST} posts in a row could not be read ({fault_of(error)}); run the same again later"
            raise SourceRefused("server_error", f"{self.account}: {words}") from error

    def _ask_again(self) -> Iterator[list[Found]]:
        """The posts that failed, once more at the end: this listing's, and those of a few listings before."""
        for code in list(self.agenda.unread):
            try:
                found = read_post(self.context, self.account, code)
                tries = ASKED
            except READING as error:
                if ends_listing(error):
                    raise
                found = [unread(code, self.account, fault_of(error))]
                tries = self.agenda.unread[code] + 1
            if not self._too_old(found):
                yield found
            self.agenda.unread[code] = tries
            if tries >= ASKED:
                del self.agenda.unread[code]
            self.agenda.save()


def read_post(context: InstaloaderContext, account: str, code: str) -> list[Found]:
    return pictures_of(Post.from_shortcode(context, code), account)


def fault_of(error: Exception) -> PictureFault:
    match error:
        case PictureFault():
            return error
        case SourceRefused():  # of this one post; see ends_listing
            slug = "network" if error.slug == "network" else "http_error"
            return PictureFault(slug, error.message.removeprefix(f"{HOST}: "))
        case BadResponseException():
            return PictureFault("http_404", f"Instagram shows no such post any more, or not to us ({error})")
    return PictureFault("http_error", f"the post could not be read ({type(error).__name__}: {error})")


def ends_listing(error: Exception) -> bool:
    return isinstance(error, SourceRefused) and error.slug not in {"server_error", "network"}

"""Kind `instagram`: the pictures of one account, as a guest or with a session, through instaloader."""

from __future__ import annotations

import datetime as dt
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pipeline.acquire.source import Doors, Memory, Source, SourceSpec
from pipeline.errors import ConfigError, PictureFault, SourceRefused
from pipeline.records import Key, Listed

if TYPE_CHECKING:  # instaloader takes a third of a second to import
    from instaloader import InstaloaderContext

    from pipeline.acquire.client import Response
    from pipeline.acquire.instagram_posts import Found


@dataclass(frozen=True, slots=True, kw_only=True)
class InstagramSpec(SourceSpec):
    kind: ClassVar[str] = "instagram"
    account: str  # as in instagram.com/ACCOUNT
    since: dt.date | None = None  # posts taken before are left out
    session: str = ""  # whose saved session: a user's name, or the path of a session file; empty: a guest

    def __post_init__(self) -> None:
        SourceSpec.__post_init__(self)
        if not re.fullmatch(r"[A-Za-z0-9._]{1,30}", self.account):
            rule = 'need the name of an account, e.g. "kah__bane" for instagram.com/kah__bane'
            raise ConfigError("source.account", self.account, rule)

    @property
    def collection(self) -> str:
        return self.account.lower()

    @property
    def host(self) -> str:
        return "www.instagram.com"

    @property
    def scope(self) -> str:
        return f"since {self.since}" if self.since else ""

    @contextmanager
    def open(self, doors: Doors) -> Iterator[Source]:
        from pipeline.acquire.instagram_login import load_session
        from pipeline.acquire.instagram_web import Context

        context: InstaloaderContext = Context(doors.client, doors.now)
        try:
            if self.session:
                load_session(context, self.session)
            yield InstagramSource(self, doors, context)
        finally:
            context.close()


class InstagramSource:
    parallel = 4

    def __init__(self, spec: InstagramSpec, doors: Doors, context: InstaloaderContext) -> None:
        self._account, self._since = spec.collection, spec.since
        self._doors, self._context = doors, context
        self._addresses: dict[Key, str] = {}
        self._faults: dict[Key, PictureFault] = {}
        self._asking = threading.Lock()
        self._last: str | None = None

    def list_pictures(self, memory: Memory) -> Iterator[Listed]:
        """New posts first, then what earlier listings left undone; known posts cost nothing."""
        from instaloader import Profile

        from pipeline.acquire.instagram_agenda import Agenda
        from pipeline.acquire.instagram_listing import Walk

        walk = Walk(
            self._context,
            self._account,
            Agenda.load(self._doors.state),
            known=frozenset(key.source_id for key in memory.known),
            complete=memory.complete,
            since=self._since,
            now=self._doors.now(),
            # Begun from the start, a listing gives all it knows of; not where it goes on or looks for news.
            again=() if memory.complete or memory.position else memory.earlier,
        )
        with _refusals(self._account):
            profile = Profile.from_username(self._context, self._account)
            for post in walk.posts(profile):
                for found in post:
                    self._remember(found)
                    yield found.listed
                self._last = post[0].listed.source_id

    def position(self) -> str | None:
        """For people; where a listing goes on is in the collection's posts.json."""
        return self._last and f"after {self._last}"

    def fetch(self, picture: Listed) -> bytes:
        if fault := self._faults.get(picture.key):
            raise fault
        address = self._addresses.pop(picture.key, None)
        if address is not None:
            try:
                return self._doors.client.picture(address, check=_look_at)
            except PictureFault as fault:
                if fault.slug not in {"expired", "not_an_image"}:
                    raise
        return self._doors.client.picture(self._ask_again(picture), check=_look_at)

    def _remember(self, found: Found) -> None:
        if found.fault is not None:
            self._faults[found.listed.key] = found.fault
        elif found.address is not None and found.listed.skip is None:
            self._addresses[found.listed.key] = found.address

    def _ask_again(self, picture: Listed) -> str:
        """Where the picture is now: its address was never asked for in this run, or has expired."""
        from pipeline.acquire import instagram_listing as listing

        with self._asking:  # one thread asks for all pictures of a post
            if picture.key not in self._addresses:
                try:
                    for found in listing.read_post(self._context, self._account, picture.source_id):
                        self._remember(found)
                except listing.READING as error:
                    if listing.ends_listing(error):
                        raise
                    raise listing.fault_of(error) from error
            address = self._addresses.pop(picture.key, None)
        if address is None:
            raise PictureFault("http_404", "the post does not hold this picture any more")
        return address


def _look_at(answer: Response) -> None:
    """What a new address may help against."""
    if answer.status == 403:
        raise PictureFault("expired", "HTTP 403 for the address that Instagram gave")
    if answer.status == 200 and answer.body.lstrip()[:1] in {b"", b"<"}:
        raise PictureFault("not_an_image", "a page, or nothing, where the picture should be")


@contextmanager
def _refusals(account: str) -> Iterator[None]:
    """What instaloader says of a whole account, in the words of ours."""
    import instaloader

    from pipeline.acquire.instagram_listing import READING

    where = f"instagram.com/{account}"
    try:
        yield
    except SourceRefused:
        raise
    except instaloader.ProfileNotExistsException as error:
        raise SourceRefused("missing", f"{where}: there is no such account; check its name") from error
    except (instaloader.LoginRequiredException, instaloader.PrivateProfileNotFollowedException) as error:
        words = "is private; only the session of somebody who follows it sees its posts"
        raise SourceRefused("private", f"{where}: {words}") from error
    except READING as error:
        words = f"the answer was not understood ({type(error).__name__}: {' '.join(str(error).split())})"
        raise SourceRefused("server_error", f"{where}: {words}; a newer instaloader may know it") from error

"""Source `wikiart`: the paintings of an artist, a genre or a style on www.wikiart.org, without a key.

Of every painting the site keeps several sizes, each at the picture's address with a suffix, and not every
painting has every size. Chosen is the first that is there of

    HalfHD, HD, Large, original        the first is enough for squares of up to 512 px
    original, HD, HalfHD, Large        with keep_originals = true

An original may have 4,000 px and more a side, many times the bytes: without keep_originals it is what is left
when all else is missing. A picture fetched in one way stays when a recipe asks for less, and is fetched again
for one that asks for originals.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import quote

from pipeline.acquire.addresses import spelled
from pipeline.acquire.captions import one_line
from pipeline.acquire.client import Response, host_of
from pipeline.acquire.paintings import Painting, list_paintings
from pipeline.acquire.source import Doors, Found, Memory, SourceSpec
from pipeline.errors import ConfigError, PictureFault, SourceRefused
from pipeline.records import Listed

_LISTINGS = {
    "artist": "/en/{}/mode/all-paintings",
    "genre": "/en/paintings-by-genre/{}",
    "style": "/en/paintings-by-style/{}",
}
_ORIGINAL = ""  # suffix of a picture's address, as the others
_USEFUL_FIRST = ("!HalfHD.jpg", "!HD.jpg", "!Large.jpg", _ORIGINAL)
_ORIGINAL_FIRST = (_ORIGINAL, "!HD.jpg", "!HalfHD.jpg", "!Large.jpg")
_SIZE = re.compile(r"![A-Za-z]+\.jpg$")
_LOCKED = "FRAME-600x480"  # what the site shows of pictures that it may not show
_QUOTA = b"Free API limit exceeded"
_QUOTA_WAIT = dt.timedelta(hours=1)
_BLOCK = 5  # pictures kept from us, before any arrived, that are no chance
# What another size may help against; network and timeout are of the host, not of the picture.
_OF_ONE_SIZE = frozenset({"http_404", "http_error", "not_an_image", "truncated", "too_large"})


@dataclass(frozen=True, slots=True, kw_only=True)
class WikiArtSpec(SourceSpec):
    """Exactly one of artist, genre and style; each a name as in the site's addresses."""

    kind: ClassVar[str] = "wikiart"
    site: ClassVar[str] = "https://www.wikiart.org"
    artist: str | None = None  # www.wikiart.org/en/ARTIST
    genre: str | None = None  # www.wikiart.org/en/paintings-by-genre/GENRE
    style: str | None = None  # www.wikiart.org/en/paintings-by-style/STYLE
    keep_originals: bool = False  # the largest picture there is, whatever its size

    def __post_init__(self) -> None:
        SourceSpec.__post_init__(self)
        given = [key for key in _LISTINGS if getattr(self, key) is not None]
        if len(given) != 1:
            rule = 'need exactly one of artist, genre, style, e.g. genre = "portrait"'
            raise ConfigError("source", ", ".join(given) or None, rule)
        if not re.fullmatch(r"\w[\w.'()-]{0,99}", self.slug):
            rule = 'need the name as in the address of its page, e.g. "vincent-van-gogh"'
            raise ConfigError(f"source.{self.group}", self.slug, rule)

    @property
    def group(self) -> str:
        """artist, genre or style."""
        return next(key for key in _LISTINGS if getattr(self, key) is not None)

    @property
    def slug(self) -> str:
        return str(getattr(self, self.group))

    @property
    def collection(self) -> str:
        return f"{self.group}-{self.slug}"

    @property
    def host(self) -> str:
        return host_of(self.site)

    @property
    def scope(self) -> str:
        return "originals" if self.keep_originals else ""

    @property
    def address(self) -> str:
        return self.site + _LISTINGS[self.group].format(quote(self.slug))

    @contextmanager
    def open(self, doors: Doors) -> Iterator[WikiArtSource]:
        yield WikiArtSource(self, doors)


class WikiArtSource:
    parallel = 8  # of which its manners let four ask at once: the others check and store

    def __init__(self, spec: WikiArtSpec, doors: Doors) -> None:
        self._spec, self._doors = spec, doors
        self._sizes = _ORIGINAL_FIRST if spec.keep_originals else _USEFUL_FIRST
        self._page: int | None = None
        self._arrived: str | None = None  # address of a picture that we got in this run
        self._kept_back = 0  # pictures that we did not get before it

    def list_pictures(self, memory: Memory) -> Iterator[Listed]:
        """The order is the site's own and nothing in it is known to be new, so all of it is asked for."""
        paintings = list_paintings(
            self._doors.client,
            self._spec.address,
            {"X-Requested-With": "XMLHttpRequest", "Referer": self._spec.address},
            first=int(memory.position or 1),
            check=self._look_at,
        )
        for painting in paintings:
            self._page = painting.goes_on
            yield self._listed(painting)

    def position(self) -> str | None:
        """The page that is being read, or that comes next: going on asks for it again."""
        return None if self._page is None else str(self._page)

    def fetch(self, picture: Listed) -> bytes | Found:
        if not picture.source_url:
            raise PictureFault("http_404", "the site lists no picture for this painting")
        image = _SIZE.sub("", picture.source_url)
        # First where it was listed, or was found before.
        addresses = dict.fromkeys([picture.source_url, *(image + size for size in self._sizes)])
        faults = list[PictureFault]()
        for address in addresses:
            try:
                content = self._doors.client.picture(address, check=_is_no_page)
            except PictureFault as fault:
                if fault.slug not in _OF_ONE_SIZE:
                    raise
                faults.append(fault)
            else:
                self._arrived = address
                return content if address == picture.source_url else Found(content, address)
        raise self._verdict(image, faults)

    def _verdict(self, image: str, faults: list[PictureFault]) -> PictureFault | SourceRefused:
        """What it means that `image` is to be had in no size: a matter of its own, or are we kept out?"""
        if not all(map(_keeps_out, faults)):
            return next((fault for fault in faults if fault.slug != "http_404"), faults[0])
        if self._arrived is None:
            self._kept_back += 1
            if self._kept_back < _BLOCK:
                # The first may be one that nobody gets; of more, a later run has to ask again.
                return faults[0] if self._kept_back == 1 else PictureFault("soft_blocked", faults[0].detail)
        elif self._is_served(self._arrived):
            return faults[0]
        words = f"it keeps its pictures from us ({faults[0].detail})"
        refuse = self._doors.client.refuse
        refuse(host_of(image), "soft_blocked", words)
        return refuse(host_of(self._spec.site), "soft_blocked", words)

    def _is_served(self, address: str) -> bool:
        """Whether we still get what we got before."""
        try:
            self._doors.client.picture(address, check=_is_no_page)
        except PictureFault as fault:
            return not _keeps_out(fault)
        return True

    def _listed(self, painting: Painting) -> Listed:
        image = spelled(_SIZE.sub("", painting.image))
        return Listed(
            self._spec.kind,
            self._spec.collection,
            painting.id,
            0,
            image and image + self._sizes[0],
            page_url=spelled(self._spec.site + painting.page) if painting.page else None,
            author=one_line(painting.author),
            title=one_line(painting.title),
            published_at=_year(painting.year),
            skip="locked_frame" if _LOCKED in image else None,
            version="original" if self._spec.keep_originals else None,
            year=one_line(painting.year),
            genre=self._spec.genre or one_line(painting.genre),
            style=self._spec.style or one_line(painting.style),
        )

    def _look_at(self, answer: Response) -> None:
        group, slug = self._spec.group, self._spec.slug
        if answer.status == 404:
            words = f"there is no {group} {slug!r}; take the name from the address of its page"
            raise SourceRefused("missing", f"{host_of(answer.url)}: {words}")
        if _QUOTA in answer.body:
            until = self._doors.now() + _QUOTA_WAIT
            words = "the site's quota for today or this hour is used up"
            raise self._doors.client.refuse(host_of(answer.url), "quota", words, until)


def _keeps_out(fault: PictureFault) -> bool:
    return fault.slug == "not_an_image" or fault.detail == "HTTP 403"


def _is_no_page(answer: Response) -> None:
    if answer.status == 200 and answer.body[:256].lstrip()[:1] in {b"", b"<"}:
        raise PictureFault("not_an_image", "a page, or nothing, where the picture should be")


def _year(text: str | None) -> dt.datetime | None:
    """A plain year as its first day; "c.1850" is no date."""
    if text is None or not re.fullmatch(r"[1-9][0-9]{2,3}", text.strip()):
        return None
    return dt.datetime(int(text), 1, 1, tzinfo=dt.UTC)

"""What one stage hands to the next: a record per picture, its columns being the manifest's columns.

Times are UTC. Lengths are pixels of the raw picture after EXIF rotation, unless a comment says otherwise.
A record's fields are the Parquet columns, in order: `manifest.schema` derives one from the other.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, NamedTuple

# Called as work goes on: (done so far, expected in all or None while unknown).
Tick = Callable[[int, int | None], None]

PICTURE_REASONS = frozenset(
    "not_an_image truncated http_404 http_error too_large video timeout network expired locked_frame "
    "opted_out unsafe_path unsafe_address unreadable interrupted".split()
)
LISTING_REASONS = frozenset(
    "rate_limited soft_blocked login_required checkpoint private missing quota server_error network".split()
)
REJECT_REASONS = frozenset(
    "undecodable too_large too_small no_face duplicate near_duplicate blurry dark bright flat colorless "
    "dropped_in_review".split()
)


class Key(NamedTuple):
    """What a raw row is known by."""

    source: str
    collection: str
    source_id: str
    item: int


@dataclass(frozen=True, slots=True)
class Listed:
    """What a source says of one picture before any of its bytes are fetched."""

    source: str  # kind of source: folder, gallery, instagram …
    collection: str  # folder under data/raw/KIND/
    source_id: str  # shortcode, site id, relative path: the other side's name, never a file name of ours
    item: int  # index within a post, else 0
    source_url: str  # where the bytes are; the same between runs
    page_url: str | None = None
    author: str | None = None
    title: str | None = None
    published_at: dt.datetime | None = None
    licence: str | None = None
    skip: str | None = None  # a reason not to fetch it at all (video, locked_frame): the row is `skipped`
    version: str | None = None  # differs when the bytes behind the same address do, where the source can tell
    year: str | None = None  # of the work, as the source has it: "1880", "c.1850"
    genre: str | None = None
    style: str | None = None

    @property
    def key(self) -> Key:
        return Key(self.source, self.collection, self.source_id, self.item)


@dataclass(frozen=True, slots=True)
class RawRow:
    """One picture ever listed (data/raw/KIND/COLLECTION/manifest.parquet), in order of first listing."""

    image_id: str | None  # sha256 of the bytes as fetched, hex; null if never fetched
    source: str
    collection: str
    source_id: str
    item: int
    source_url: str
    page_url: str | None
    author: str | None
    title: str | None
    published_at: dt.datetime | None
    fetched_at: dt.datetime | None
    licence: str | None
    path: str | None  # relative to the data directory
    bytes: int | None  # length of the file
    width: int | None  # as stored, before EXIF rotation
    height: int | None
    format: str | None  # jpeg, png, webp …
    status: str  # fetched | failed | skipped | forgotten
    reason: str | None  # a slug of PICTURE_REASONS or LISTING_REASONS; null when fetched
    detail: str | None  # one line for a person
    attempts: int  # times the bytes were asked for, over all runs
    version: str | None = None  # as listed when the bytes were asked for
    year: str | None = None  # of the work, as the source has it
    genre: str | None = None
    style: str | None = None

    @property
    def key(self) -> Key:
        return Key(self.source, self.collection, self.source_id, self.item)


@dataclass(frozen=True, slots=True)
class ProcessedRow:
    """The fate of one fetched picture, or of one face with faces = "all" (data/processed/NAME/)."""

    image_id: str
    source: str
    collection: str
    source_id: str
    item: int
    face: int | None  # index of the face, null without faces
    source_url: str
    author: str | None
    licence: str | None
    status: str  # kept | rejected
    reason: str | None  # a slug of REJECT_REASONS, null when kept
    number: int | None  # for life: a dropped number is never used again
    path: str | None  # relative to the data directory, null when rejected
    sha256: str | None  # of the written file
    crop_left: int | None
    crop_top: int | None
    crop_right: int | None  # exclusive; may lie outside the picture where it was padded
    crop_bottom: int | None
    face_left: int | None
    face_top: int | None
    face_right: int | None
    face_bottom: int | None
    face_score: float | None  # the detector's own scale; null where it has none
    phash: Annotated[int, "uint64"] | None  # perceptual hash of the whole picture
    duplicate_of: str | None  # image_id of the kept one
    sharpness: float | None  # variance of the Laplacian at a fixed scale
    brightness: float | None  # mean luma in [0, 1]
    override: str | None  # null | keep | drop: what a person decided in review
    crop_angle: float | None = None  # degrees, clockwise, that the crop is turned about its middle
    contrast: float | None = None  # standard deviation of luma, as brightness
    colorfulness: float | None = None  # Hasler and Süsstrunk's measure
    split: str | None = None  # train | test, null when rejected

    @property
    def key(self) -> Key:
        return Key(self.source, self.collection, self.source_id, self.item)


@dataclass(frozen=True, slots=True)
class Selection:
    """The part of a collection that one recipe uses: collections are shared between recipes."""

    source: str
    collection: str
    include: tuple[str, ...] = ()  # glob patterns over source_id; empty: all
    limit: int | None = None  # the first so many fetched rows that match, in manifest order

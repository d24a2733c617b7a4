"""What a process does with a shard of pictures: decode each at most once, find out what is asked, cut it.

A step is taken for a handful of pictures before the next step begins: what it needs, its code first of all,
then stays in the processor's caches, which takes a third off the time of small pictures. Runs on any machine
that sees the data directory; depends on nothing but its arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline import store
from pipeline.curate.config import CurateConfig
from pipeline.curate.crop import Square, cut
from pipeline.curate.decode import Pixels
from pipeline.curate.encode import SUFFIX, encoded
from pipeline.curate.faces import Face, by_prominence, detector
from pipeline.curate.facts import PictureFacts, Thumb
from pipeline.curate.fates import Known, fates, kept_anyway
from pipeline.curate.quality import Measures, measure
from pipeline.errors import MissingInput, PictureFault

HANDFUL, _HEAVY = 16, 64_000_000  # pictures and bytes of files and pixels, at most, in memory at once


@dataclass(frozen=True, slots=True)
class Job:
    """One picture whose pixels are needed, with what is known of it."""

    image_id: str
    path: str  # in the folder that the pictures lie in
    facts: PictureFacts | None
    faces: tuple[Face, ...] | None  # None: to be looked for, where the recipe asks for faces
    wanted: bool = False  # by a person, whatever rule it breaks


@dataclass(frozen=True, slots=True)
class Seen:
    """What was found out; None or empty what was known before."""

    facts: PictureFacts | None = None
    thumb: Thumb | None = None
    faces: tuple[Face, ...] | None = None


def look(shard: Sequence[Job], config: CurateConfig, data: Path, squares: Path) -> list[Seen]:
    """Facts of pictures in `data` are returned; what is cut goes into the folder `squares`, named by
    `square_name`.
    """
    looks = [_Look(job, config, data, squares) for job in shard]
    for handful in _handfuls(looks):
        _together(handful)
    return [one.seen() for one in looks]


def _handfuls(looks: Sequence[_Look]) -> Iterator[list[_Look]]:
    """Opened."""
    handful: list[_Look] = []
    weight = 0
    for one in looks:
        weight += one.open()
        handful.append(one)
        if len(handful) == HANDFUL or weight > _HEAVY:
            yield handful
            handful, weight = [], 0
    if handful:
        yield handful


def _together(handful: Sequence[_Look]) -> None:
    for one in handful:
        one.take(_Look.decode)
    _measure(handful)
    for one in handful:
        one.take(_Look.detect)
    for one in handful:
        one.take(_Look.cut)
        one.close()  # it may have been decoded at its full size for that


def _measure(handful: Sequence[_Look]) -> None:
    new = [(one, one.pixels) for one in handful if one.pixels is not None and one.facts is None]
    measured = measure([pixels for _, pixels in new])
    for (one, pixels), found in zip(new, measured, strict=True):
        one.learn(found, pixels)


def unreadable(job: Job, reason: str) -> Seen:
    return Seen(PictureFacts(job.image_id, reason))


def square_name(image_id: str, square: Square, config: CurateConfig) -> str:
    turned = f"-{square.angle}" if square.angle else ""
    return f"{image_id}-{square.left}-{square.top}-{square.side}{turned}{SUFFIX[config.format]}"


class _Look:
    """At one picture; a fault in one step ends it."""

    def __init__(self, job: Job, config: CurateConfig, data: Path, squares: Path) -> None:
        self._job, self._config, self._data, self._squares = job, config, data, squares
        self._faces = job.faces
        self._thumb: Thumb | None = None
        self._fault: str | None = None
        self.facts = job.facts
        self.pixels: Pixels | None = None  # while it is looked at

    def open(self) -> int:
        """Bytes that it may take."""
        try:
            self.pixels = _opened(self._data / self._job.path)
        except PictureFault as fault:
            self._fault = fault.slug
            return 0
        return self.pixels.weight_bytes

    def take(self, step: Callable[[_Look, Pixels], None]) -> None:
        if self.pixels is not None:
            try:
                step(self, self.pixels)
            except PictureFault as fault:
                self._fault = fault.slug
                self.close()

    def close(self) -> None:
        self.pixels = None

    def decode(self, pixels: Pixels) -> None:
        if self.facts is None or self._unsearched:  # else it may be cut from another size alone
            pixels.working()

    def learn(self, found: Measures, pixels: Pixels) -> None:
        image_id = self._job.image_id
        self._thumb = Thumb(image_id, found.thumb)
        self.facts = PictureFacts(
            image_id=image_id,
            reason=None,
            width=pixels.width,
            height=pixels.height,
            phash=found.phash,
            sharpness=found.sharpness,
            brightness=found.brightness,
            contrast=found.contrast,
            colorfulness=found.colorfulness,
            focus=found.focus,
            signature=found.signature,
            hashes=found.hashes,
        )

    def detect(self, pixels: Pixels) -> None:
        if self._unsearched:
            found = detector(self._config.looks)(pixels)
            self._faces = tuple(by_prominence(found, pixels.width, pixels.height))

    @property
    def _unsearched(self) -> bool:
        return self._faces is None and self._config.crop == "face"

    def cut(self, pixels: Pixels) -> None:
        if self.facts is None:
            raise ValueError(f"{self._job.image_id}: to be cut, and not measured")
        known = Known(self.facts, self._faces or ())
        for fate in (kept_anyway if self._job.wanted else fates)(self._config, known):
            if fate.reason is None and fate.square:
                picture = cut(pixels, fate.square, self._config)
                content = encoded(
                    picture if self._config.channels == 3 else picture.convert("L"), self._config.format
                )
                name = square_name(self._job.image_id, fate.square, self._config)
                store.write_bytes(self._squares / name, content, durable=False)

    def seen(self) -> Seen:
        if self._fault is not None:
            return unreadable(self._job, self._fault)
        return Seen(
            self.facts if self._job.facts is None else None,
            self._thumb,
            self._faces if self._job.faces is None else None,
        )


def _opened(path: Path) -> Pixels:
    try:
        return Pixels(path)
    except OSError as error:
        raise MissingInput(f"{path}: {error.strerror}; `impasto scrape` fetches it again") from error

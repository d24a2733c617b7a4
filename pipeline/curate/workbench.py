"""One curation under way: what is known of each picture, what is still to be done, and what comes of it."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import overload

import pyarrow as pa

from pipeline import store
from pipeline.curate import review, shelf
from pipeline.curate.choose import choose
from pipeline.curate.config import CurateConfig
from pipeline.curate.dataset import Dataset
from pipeline.curate.duplicates import Likeness, likenesses
from pipeline.curate.faces import Face
from pipeline.curate.facts import FaceFacts
from pipeline.curate.fates import Known
from pipeline.curate.inputs import Picture
from pipeline.curate.look import Job, Seen, look, unreadable
from pipeline.curate.numbers import Numbers
from pipeline.curate.remote import look_there
from pipeline.records import ProcessedRow

_SHELVE_EVERY_S = 0.5  # what a kill costs at most; fewer files are quicker written and read


class Jobs(Sequence[Job]):
    """Each made when it is asked for, since all at once would be held for nothing; a process gets a list."""

    def __init__(self, ids: Sequence[str], make: Callable[[str], Job]) -> None:
        self.ids, self._make = ids, make

    def __len__(self) -> int:
        return len(self.ids)

    @overload
    def __getitem__(self, at: int) -> Job: ...

    @overload
    def __getitem__(self, at: slice) -> Jobs: ...

    def __getitem__(self, at: int | slice) -> Job | Jobs:
        return Jobs(self.ids[at], self._make) if isinstance(at, slice) else self._make(self.ids[at])

    def __reduce__(self) -> tuple[type[list[Job]], tuple[list[Job]]]:
        return list, (list(self),)


class Workbench:
    def __init__(
        self,
        config: CurateConfig,
        name: str,
        data: Path,
        pictures: Sequence[Picture],
        *,
        afresh: bool = False,
    ) -> None:
        """Nothing known or published counts when done `afresh`; only numbers hold."""
        self._config, self._name, self._data, self._pictures = config, name, data, pictures
        self._cache = store.near(data)
        self._paths = {picture.image_id: picture.path for picture in pictures}
        if afresh:
            shelf.forget(self._cache, self._paths.keys())
        self._overrides = review.overrides(data, name)
        self._dataset = Dataset(data, name, config, trusted=not afresh)
        measured = shelf.pictures(self._cache).read(self._paths.keys())
        self._facts = {image_id: rows[0] for image_id, rows in measured.items()}
        self._faces: dict[str, tuple[Face, ...]] = {}
        if config.crop == "face":
            found = shelf.faces(self._cache, config.looks).read(self._paths.keys())
            self._faces = {image_id: _faces(rows) for image_id, rows in found.items()}
        self._alike = [] if afresh else shelf.likenesses(self._cache, name)
        self._chosen: tuple[list[ProcessedRow], Numbers] | None = None
        self._new: dict[str, Seen] = {}  # not on the shelves yet
        self._shelved = time.monotonic()

    @property
    def work(self) -> Callable[[Sequence[Job]], list[Seen]]:
        """What a process does with a shard of `jobs`; hand the answer to `take`."""
        shard = look if store.is_local(self._data) else look_there
        return functools.partial(shard, config=self._config, data=self._data, squares=self._dataset.squares)

    def unknown(self) -> list[str]:
        """Pictures of which some fact is still to be found out."""
        return [image_id for image_id in self._paths if self._known(image_id) is None]

    def uncut(self) -> list[str]:
        """Pictures that would be kept beside the known ones, and of which there is no square."""
        wanted = {row.image_id for row in self._dataset.to_cut(self._choice()[0])}
        return [image_id for image_id in self._paths if image_id in wanted]

    def jobs(self) -> Jobs:
        """What to do next, all at once; nothing when it is time to publish."""
        self._shelve()
        return Jobs(self.unknown() or self.uncut(), self._job)

    def _job(self, image_id: str) -> Job:
        return Job(
            image_id,
            self._paths[image_id],
            self._facts.get(image_id),
            self._faces.get(image_id),
            self._overrides.get(image_id) == "keep",
        )

    def take(self, shard: Sequence[Job], seen: Sequence[Seen] | None) -> None:
        """Note what was found out; `seen` is None where the picture killed the process that looked at it."""
        if seen is None:
            seen = [unreadable(job, "undecodable") for job in shard]
        refuted = []
        ids = shard.ids if isinstance(shard, Jobs) else [job.image_id for job in shard]
        for image_id, one in zip(ids, seen, strict=True):
            if one.facts is not None:
                if image_id in self._facts:  # decoded once, but not as large as is needed now
                    refuted.append(image_id)
                # With the name that all share, not the copy of it that came from another process.
                self._facts[image_id] = replace(one.facts, image_id=image_id)
            if one.faces is not None:
                self._faces[image_id] = one.faces
            self._new[image_id] = one
        if refuted:
            shelf.forget(self._cache, refuted)
        self._chosen = None
        if time.monotonic() - self._shelved > _SHELVE_EVERY_S:
            self._shelve()

    def _shelve(self) -> None:
        """Keep what was noted: what is killed loses what is not kept yet."""
        new, self._new = self._new, {}
        shelf.thumbs(self._cache).add(one.thumb for one in new.values() if one.thumb)
        faces = {image_id: one.faces for image_id, one in new.items() if one.faces is not None}
        shelf.faces(self._cache, self._config.looks).add(_rows(faces))
        shelf.pictures(self._cache).add(self._facts[image_id] for image_id, one in new.items() if one.facts)
        self._shelved = time.monotonic()

    def publish(self, key: str) -> pa.Table:
        """Returns the manifest; all jobs must be done."""
        rows, numbers = self._choice()
        shelf.write_likenesses(self._cache, self._name, self._alike)
        shelf.tidy(self._cache)
        return self._dataset.publish(rows, numbers, key)

    def _known(self, image_id: str) -> Known | None:
        facts = self._facts.get(image_id)
        if facts is None or facts.reason is not None or self._config.crop != "face":
            return Known(facts) if facts else None
        faces = self._faces.get(image_id)
        return None if faces is None else Known(facts, faces)

    def _choice(self) -> tuple[list[ProcessedRow], Numbers]:
        """Among the pictures that are known so far."""
        if self._chosen is None:
            self._chosen = self._choose()
        return self._chosen

    def _choose(self) -> tuple[list[ProcessedRow], Numbers]:
        known = {image_id: one for image_id in self._paths if (one := self._known(image_id))}
        alike: list[Likeness] = []
        if self._config.dedupe == "near" or self._config.holdout:
            decoded = [one.facts for one in known.values() if one.facts.reason is None]
            self._alike = likenesses(decoded, self._alike, shelf.thumbs(self._cache).read)
            alike = [row for row in self._alike if self._config.mirror_is_duplicate or not row.mirrored]
        numbers = self._dataset.numbers()
        pictures = [picture for picture in self._pictures if picture.image_id in known]
        return choose(self._config, pictures, known, alike, numbers, overrides=self._overrides), numbers


def _faces(rows: Sequence[FaceFacts]) -> tuple[Face, ...]:
    return tuple(
        Face(
            row.left,
            row.top,
            row.right,
            row.bottom,
            row.score,
            tuple(row.landmarks) if row.landmarks else None,
            row.tilt,
        )
        for row in rows
        if row.face is not None
    )


def _rows(faces: Mapping[str, Sequence[Face]]) -> Iterator[FaceFacts]:
    for image_id, found in faces.items():
        if not found:
            yield FaceFacts(image_id, None)
        for index, face in enumerate(found):
            landmarks = None if face.landmarks is None else list(face.landmarks)
            yield FaceFacts(image_id, index, *face.box, face.score, landmarks, face.tilt)

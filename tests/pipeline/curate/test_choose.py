"""Every picture has a fate with a reason, and a number for life."""

from __future__ import annotations

import dataclasses

import pytest

from pipeline.curate.choose import choose
from pipeline.curate.config import CurateConfig
from pipeline.curate.crop import Square
from pipeline.curate.duplicates import Likeness
from pipeline.curate.faces import Face
from pipeline.curate.facts import PictureFacts
from pipeline.curate.fates import Fate, Known, fates
from pipeline.curate.inputs import Picture
from pipeline.curate.numbers import FaceKey, Numbers
from pipeline.records import ProcessedRow

CENTER = CurateConfig(crop="center")
FACE = CurateConfig(crop="face")
FACT = PictureFacts("a", None, 400, 300, 1, 50.0, 0.5, contrast=0.2, colorfulness=30.0)
BIG, SMALL = Face(100, 100, 200, 200, 0.9), Face(10, 10, 50, 50, 0.8)


def given_to(rows: list[ProcessedRow], last: int) -> Numbers:
    keys = {row: FaceKey.of(row.key, row.face) for row in rows}
    return Numbers({key: row.number for row, key in keys.items() if row.number}, last)


def picture(image_id: str, at: str | None = None) -> Picture:
    return Picture(image_id, "folder", "x", at or image_id, 0, "file:///x", "Anna", "CC0", "p")


def known(image_id: str, **changed: object) -> Known:
    return Known(dataclasses.replace(FACT, image_id=image_id, **changed))


@pytest.mark.parametrize(
    ("config", "changed", "reason"),
    [
        (CENTER, {}, None),
        (CENTER, {"reason": "undecodable", "width": None, "height": None}, "undecodable"),
        (CENTER, {"height": 95}, "too_small"),
        (CurateConfig(crop="center", min_side=10, size=512), {}, "too_small"),
        (CurateConfig(crop="pad", min_side=10, size=512), {}, "too_small"),
        (CurateConfig(crop="pad", min_side=10, size=256), {"height": 20}, None),
        (CurateConfig(crop="center", min_sharpness=50.1), {}, "blurry"),
        (CurateConfig(crop="center", min_sharpness=50.0), {}, None),
        (CurateConfig(crop="center", min_brightness=0.51), {}, "dark"),
        (CurateConfig(crop="center", max_brightness=0.49), {}, "bright"),
        (CurateConfig(crop="center", min_contrast=0.21), {}, "flat"),
        (CurateConfig(crop="center", min_colorfulness=31), {}, "colorless"),
        (CurateConfig(crop="center", min_contrast=0.2, min_colorfulness=30), {}, None),
        (FACE, {}, "no_face"),
        (CurateConfig(crop="face", no_face="center"), {}, None),
        (FACE, {"height": 95}, "too_small"),
    ],
)
def test_a_picture_alone_is_fit_or_has_a_reason(config, changed, reason):
    (fate,) = fates(config, known("a", **changed))
    assert fate.reason == reason


def test_the_most_prominent_face_or_each_of_them():
    both = Known(FACT, (BIG, SMALL, Face(0, 0, 5, 5)))
    assert fates(FACE, both) == [Fate(None, 0, Square(60, 60, 180))]
    assert fates(dataclasses.replace(FACE, faces="all"), both) == [
        Fate(None, 0, Square(60, 60, 180)),
        Fate(None, 1, Square(0, 0, 72)),
        Fate("too_small", 2, None),
    ]


def rows(config, pictures, pairs=(), numbers=None):
    facts = {one.image_id: known(one.image_id) for one in pictures}
    return choose(config, pictures, facts, [Likeness(*pair) for pair in pairs], numbers or Numbers())


def test_the_same_bytes_twice_are_kept_once():
    first, second, third = rows(CENTER, [picture("a"), picture("a", "again"), picture("b")])
    assert (first.status, first.reason, first.number) == ("kept", None, 1)
    assert (second.status, second.reason, second.number) == ("rejected", "duplicate", None)
    assert second.duplicate_of == "a"
    assert third.number == 2


def test_a_copy_names_the_kept_original_and_so_does_its_twin():
    pictures = [picture("a"), picture("b"), picture("b", "again")]
    facts = {"a": known("a", width=100, height=100), "b": known("b")}
    made = choose(CENTER, pictures, facts, [Likeness("a", "b")], Numbers())
    assert [row.reason for row in made] == ["near_duplicate", None, "duplicate"]
    assert [row.duplicate_of for row in made] == ["b", None, "b"]
    assert [row.number for row in made] == [None, 1, None]


def test_a_picture_that_is_unfit_alone_displaces_no_other():
    pictures = [picture("a"), picture("b")]
    facts = {"a": known("a", width=4000, height=90), "b": known("b")}
    made = choose(CENTER, pictures, facts, [Likeness("a", "b")], Numbers())
    assert [row.reason for row in made] == ["too_small", None]


def test_dedupe_goes_as_far_as_it_is_told():
    pictures = [picture("a"), picture("b"), picture("b", "again")]
    reasons = {
        mode: [row.reason for row in rows(CurateConfig(crop="center", dedupe=mode), pictures, [("a", "b")])]
        for mode in ("near", "exact", "off")
    }
    assert reasons == {
        "near": [None, "near_duplicate", "near_duplicate"],
        "exact": [None, None, "duplicate"],
        "off": [None, None, None],
    }


def test_a_number_is_kept_for_life_and_never_given_twice():
    sharp = CurateConfig(crop="center", min_sharpness=40)
    first = choose(CENTER, [picture(name) for name in "abc"], {n: known(n) for n in "abc"}, [], Numbers())
    assert [row.number for row in first] == [1, 2, 3]

    given = given_to(first, last=3)
    facts = {name: known(name, sharpness=10.0 if name == "b" else 50.0) for name in "abcd"}
    second = choose(sharp, [picture(name) for name in "dabc"], facts, [], given)
    assert [(row.source_id, row.status, row.number) for row in second] == [
        ("d", "kept", 4),
        ("a", "kept", 1),
        ("b", "rejected", 2),
        ("c", "kept", 3),
    ]

    given = given_to(second, last=4)
    third = choose(CENTER, [picture(name) for name in "bce"], {n: known(n) for n in "bce"}, [], given)
    assert [row.number for row in third] == [2, 3, 5]
    assert given.last == 5


def test_a_row_tells_where_it_comes_from_and_what_was_measured():
    (row,) = choose(FACE, [picture("a")], {"a": Known(FACT, (BIG,))}, [], Numbers())
    assert (row.author, row.licence, row.source_url) == ("Anna", "CC0", "file:///x")
    assert (row.crop_left, row.crop_top, row.crop_right, row.crop_bottom) == (60, 60, 240, 240)
    assert (row.face_left, row.face_right, row.face_score, row.face) == (100, 200, 0.9, 0)
    assert (row.phash, row.sharpness, row.brightness) == (1, 50.0, 0.5)

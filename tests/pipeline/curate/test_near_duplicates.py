"""The same picture twice is found, two pictures are not taken for one, and new ones are compared with old."""

from __future__ import annotations

import dataclasses
import importlib.util
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageEnhance, ImageOps

from pipeline.curate.decode import Pixels
from pipeline.curate.duplicates import Likeness, kept_instead, likenesses
from pipeline.curate.facts import PictureFacts, Thumb
from pipeline.curate.neighbours import Table
from pipeline.curate.quality import measure
from pipeline.curate.verify import Thumbs, alike, thumb
from tests.pipeline.curate.conftest import copied, drawn, encoded


class Album:
    """Pictures measured as curation measures them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.facts: list[PictureFacts] = []
        self.asked: list[set[str]] = []
        self._thumbs: dict[str, list[Thumb]] = {}

    def add(self, name: str, content: bytes) -> None:
        path = self.folder / name
        path.write_bytes(content)
        pixels = Pixels(path)
        [found] = measure([pixels])
        facts = PictureFacts(name, None, pixels.width, pixels.height, found.phash)
        self.facts.append(dataclasses.replace(facts, signature=found.signature, hashes=found.hashes))
        self._thumbs[name] = [Thumb(name, found.thumb)]

    def thumbs(self, ids):
        self.asked.append(set(ids))
        return {name: self._thumbs[name] for name in ids}

    def pairs(self, known=()) -> set[frozenset[str]]:
        return pairs(likenesses(self.facts, known, self.thumbs))


def pairs(rows) -> set[frozenset[str]]:
    return {frozenset((row.image_id, row.like)) for row in rows if row.like}


@pytest.fixture
def album(tmp_path):
    return Album(tmp_path)


def changed(picture: Image.Image) -> dict[str, bytes]:
    return {
        "re-encoded": encoded(picture, quality=60),
        "smaller": copied(picture, 0.6),
        "as png": encoded(picture.resize((150, 120)), "PNG"),
        "brighter": encoded(ImageEnhance.Brightness(picture).enhance(1.1)),
        "darker": encoded(ImageEnhance.Brightness(picture).enhance(0.75)),
        "less contrast": encoded(ImageEnhance.Contrast(picture).enhance(0.75)),
        "cropped": encoded(picture.crop((20, 0, 200, 150))),
        "cropped all round": encoded(picture.crop((8, 6, 192, 154)), quality=60),
        "framed": encoded(ImageOps.expand(picture, 24, "teal")),
        "letterboxed": encoded(ImageOps.expand(picture, (0, 20, 0, 20), "black"), quality=70),
        "mirrored": encoded(ImageOps.mirror(picture)),
        "mirrored and cropped": encoded(ImageOps.mirror(picture).crop((0, 8, 192, 160))),
        "grey": encoded(picture.convert("L")),
        "marked": encoded(marked(picture)),
    }


def marked(picture: Image.Image) -> Image.Image:
    """With a sign in a corner."""
    copy = picture.copy()
    ImageDraw.Draw(copy).rectangle((4, 136, 44, 154), "white", "black")
    return copy


def test_copies_are_found_and_others_are_not(album):
    expected = set()
    for seed in range(56):
        picture = drawn(seed)
        album.add(f"{seed}", encoded(picture))
        kind, content = list(changed(picture).items())[seed % 14]
        album.add(f"{seed} {kind}", content)
        expected.add(frozenset((f"{seed}", f"{seed} {kind}")))
    assert album.pairs() == expected


@pytest.fixture(scope="module")
def cats():
    """A composer of cats from the layers that robohash carries (set4, by David Revoy)."""
    package = importlib.util.find_spec("robohash")
    assert package
    assert package.submodule_search_locations
    folders = sorted((Path(package.submodule_search_locations[0]) / "sets" / "set4").iterdir())
    layers = [
        [Image.open(path).convert("RGBA").resize((256, 256)) for path in sorted(folder.iterdir())]
        for folder in folders
    ]

    def compose(parts) -> Image.Image:
        cat = Image.new("RGBA", (256, 256), "white")
        for layer, part in zip(layers, parts, strict=True):
            cat.alpha_composite(layer[part % len(layer)])
        return cat.convert("RGB")

    return compose


def test_two_cats_stay_and_a_copied_cat_goes(album, cats):
    random = np.random.default_rng(7)
    expected = set()
    parts = {tuple(int(part) for part in random.integers(0, [15, 10, 15, 10, 16])) for _ in range(120)}
    for index, combination in enumerate(sorted(parts)):
        cat = cats(combination)
        album.add(f"{index}", encoded(cat))
        if index % 4 == 0:
            album.add(f"{index} copy", copied(cat, random.uniform(0.6, 0.8), 80))
            expected.add(frozenset((f"{index}", f"{index} copy")))
    assert album.pairs() == expected


def test_cats_that_differ_in_one_part_stay(album, cats):
    # Parts that are seen whole: another coat, other eyes, another thing on the head.
    for index, parts in enumerate([(0, 0, 0, 0, 0), (1, 0, 0, 0, 0), (0, 0, 3, 0, 0), (0, 0, 0, 0, 5)]):
        album.add(f"{index}", encoded(cats(parts), "PNG"))
    assert album.pairs() == set()


def test_pairs_that_are_alike_only_when_mirrored_say_so(album):
    album.add("a", encoded(drawn(4)))
    album.add("b", encoded(ImageOps.mirror(drawn(4))))
    album.add("c", copied(drawn(4)))
    rows = likenesses(album.facts, [], album.thumbs)
    assert {(row.image_id, row.like): row.mirrored for row in rows if row.like} == {
        ("a", "b"): True,
        ("a", "c"): False,
        ("b", "c"): True,
    }


def test_the_same_shape_in_another_colour_stays(album):
    red, green, _ = drawn(4).split()
    album.add("a", encoded(drawn(4)))
    album.add("b", encoded(Image.merge("RGB", (green, red, green))))
    assert album.pairs() == set()


def test_plain_pictures_are_told_apart_by_brightness(album):
    for level in (0, 128, 255):
        album.add(f"{level}", encoded(Image.new("RGB", (100, 100), (level,) * 3), "PNG"))
    album.add("128 again", encoded(Image.new("RGB", (200, 200), (128,) * 3), "PNG"))
    assert album.pairs() == {frozenset(("128", "128 again"))}
    black, grey, white, again = (facts.hashes for facts in album.facts)
    assert len({black, grey, white}) == 3
    assert grey == again


def test_new_pictures_are_compared_with_old_ones_and_old_ones_not_again(album):
    for seed in range(12):
        album.add(f"{seed}", encoded(drawn(seed)))
    album.add("3 old copy", copied(drawn(3)))
    before = likenesses(album.facts, [], album.thumbs)
    album.asked.clear()
    album.add("5 new copy", copied(drawn(5)))
    after = likenesses(album.facts, before, album.thumbs)
    assert album.asked == [{"5", "5 new copy"}]
    assert pairs(after) == album.pairs() == pairs(before) | {frozenset(("5", "5 new copy"))}


def test_pictures_with_nothing_in_common_are_told_apart_though_their_hashes_agree():
    noise = np.random.default_rng(0).integers(0, 2, (2, 16, 16), np.uint8) * 255
    small = np.full((16, 16, 3), 128, np.uint8)
    one, other = (Thumbs.of([thumb(np.kron(cells, np.ones((4, 4), np.uint8)), small)]) for cells in noise)
    whole = np.array([[0, 0, 1, 1]], np.float32)
    assert not alike(one, other, whole, whole).any()
    assert alike(one, one, whole, whole).all()


def test_what_is_gone_is_forgotten(album):
    album.add("a", encoded(drawn(1)))
    album.add("b", copied(drawn(1)))
    known = likenesses(album.facts, [], album.thumbs)
    album.facts.pop()
    assert likenesses(album.facts, known, album.thumbs) == [Likeness("a", None)]


@given(
    st.lists(st.integers(0, 2**64 - 1), min_size=2, max_size=40),
    st.lists(st.tuples(st.integers(0, 39), st.sets(st.integers(0, 63), max_size=9)), max_size=20),
    st.integers(0, 7),
)
def test_the_table_finds_what_brute_force_finds_each_once(hashes, flips, radius):
    queries = hashes + [hashes[at % len(hashes)] ^ sum(1 << bit for bit in bits) for at, bits in flips]
    near = Table(np.array(hashes, np.uint64), radius).near(np.array(queries, np.uint64))
    found = [pair for part in near for pair in zip(*(column.tolist() for column in part), strict=True)]
    assert sorted(found) == [
        (one, other, (query ^ known).bit_count())
        for one, query in enumerate(queries)
        for other, known in enumerate(hashes)
        if (query ^ known).bit_count() <= radius
    ]


@given(st.lists(st.integers(10, 20), min_size=1, max_size=12), st.data())
def test_who_is_kept_is_the_largest_and_nobody_names_a_rejected_one(sides, data):
    pictures = [PictureFacts(str(at), None, side, 10) for at, side in enumerate(sides)]
    names = st.sampled_from([picture.image_id for picture in pictures])
    alike = {frozenset(pair) for pair in data.draw(st.lists(st.tuples(names, names))) if pair[0] != pair[1]}
    instead = kept_instead(pictures, [Likeness(*sorted(pair)) for pair in alike])
    kept = {picture.image_id for picture in pictures} - instead.keys()
    assert not any(pair <= kept for pair in alike)
    order = {picture.image_id: (-sides[int(picture.image_id)], int(picture.image_id)) for picture in pictures}
    for name, other in instead.items():
        assert other in kept
        assert frozenset((name, other)) in alike
        assert order[other] < order[name]


def test_a_picture_and_its_other_formats_hash_alike(tmp_path):
    hashes = []
    for kind in ("JPEG", "PNG", "WEBP", "BMP"):
        path = tmp_path / kind
        buffer = io.BytesIO()
        drawn(3, (640, 480)).save(buffer, kind)
        path.write_bytes(buffer.getvalue())
        hashes.append(measure([Pixels(path)])[0].phash)
    assert all((one ^ hashes[0]).bit_count() <= 2 for one in hashes)


def test_what_is_measured_does_not_depend_on_the_pictures_beside_it(tmp_path):
    sizes = [(400, 300), (300, 400), (64, 64), (700, 90), (33, 500)]
    pictures = [drawn(seed, size) for seed, size in enumerate(sizes)]
    pictures += [Image.new("RGB", (80, 60), "white"), ImageOps.expand(pictures[0], 40, "navy")]
    for at, picture in enumerate(pictures):
        (tmp_path / f"{at}").write_bytes(encoded(picture, "PNG"))
    decoded = [Pixels(tmp_path / f"{at}") for at in range(len(pictures))]
    together = measure(decoded)
    assert together == [measure([pixels])[0] for pixels in decoded]
    assert together == measure(decoded[::-1])[::-1]
    assert len({one.hashes for one in together}) == len(pictures)


def test_blur_lowers_sharpness_and_light_raises_brightness(tmp_path):
    def measured(picture: Image.Image):
        (tmp_path / "p").write_bytes(encoded(picture, "PNG"))
        return measure([Pixels(tmp_path / "p")])[0]

    sharp = drawn(2, (400, 300))
    blurred = measured(sharp.resize((40, 30)).resize((400, 300)))
    assert blurred.sharpness < measured(sharp).sharpness / 3
    larger = measured(sharp.resize((1200, 900)))
    assert larger.sharpness == pytest.approx(measured(sharp).sharpness, rel=0.25)
    assert measured(Image.new("RGB", (50, 50), "white")).brightness == 1
    assert measured(Image.new("RGB", (50, 50), "black")).brightness == 0
    assert measured(Image.new("RGB", (1, 400), "grey")).sharpness == 0

"""The embedded site: always the same pictures, and what real sites hold besides."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
from collections import Counter
from urllib.error import HTTPError
from urllib.request import urlopen

import numpy as np
import pytest
from PIL import Image

from pipeline.gallery import cats, server, site


@pytest.fixture(scope="module")
def address():
    with server.running() as running:
        yield running.address


def pages(address):
    for page in itertools.count(1):
        with urlopen(f"{address}{server.LISTING}?json=2&page={page}") as answer:
            found = json.load(answer)
        if not found["Paintings"]:
            return
        yield found


def test_no_two_cats_are_near_copies_by_chance():
    for one, other in itertools.combinations(cats.choose(site.CATS)[:300], 2):
        assert sum(a != b for a, b in zip(one, other, strict=True)) >= 2


def test_a_cat_is_a_cat_on_white():
    picture = np.asarray(cats.compose(cats.choose(1)[0]))
    assert picture.shape == (cats.SIDE, cats.SIDE, 3)
    assert (picture[0, -1] == 255).all()
    assert 0.2 < (picture < 250).any(axis=2).mean() < 0.8


def test_the_catalogue_holds_what_real_sites_hold():
    kinds = Counter(exhibit.kind for exhibit in site.catalogue())
    assert kinds == {
        "cat": 800,
        "copy": 20,
        "recoded": 15,
        "resized": 15,
        "broken": 4,
        "html": 1,
        "small": 10,
    }


def test_every_start_serves_the_same_bytes_under_the_same_addresses():
    first, second = site.catalogue(), site.catalogue()
    assert first == second
    assert len({exhibit.file for exhibit in first}) == len(first)
    for exhibit in first[:30]:
        assert exhibit.content() == exhibit.content()


def test_what_is_planted_is_what_it_says():
    exhibits = site.catalogue()
    originals = {exhibit.cat: exhibit for exhibit in exhibits if exhibit.kind == "cat"}
    for exhibit in exhibits:
        if exhibit.kind == "cat":
            continue
        _, content = exhibit.content()
        _, original = originals[exhibit.cat].content()
        digests = {hashlib.sha256(one).digest() for one in (content, original)}
        assert (len(digests) == 1) == (exhibit.kind == "copy")
        if exhibit.kind in {"broken", "html"}:
            with pytest.raises(OSError, match=r"truncated|identify"):
                Image.open(io.BytesIO(content)).load()
        else:
            side = Image.open(io.BytesIO(content)).width
            assert (side < 96) == (exhibit.kind == "small")
            assert (96 <= side < cats.SIDE) == (exhibit.kind == "resized")


def test_the_listing_ends_and_names_every_exhibit_once(address):
    listed = [painting for page in pages(address) for painting in page["Paintings"]]
    assert [painting["id"] for painting in listed] == [exhibit.id for exhibit in site.catalogue()]
    assert {painting["image"].split("/images/")[0] for painting in listed} == {server.ADDRESS}


def test_pictures_come_over_http_and_unknown_ones_do_not(address):
    exhibit = site.catalogue()[0]
    with urlopen(f"{address}{server.IMAGES}{exhibit.file}") as answer:
        assert (answer.headers["Content-Type"], answer.read()) == exhibit.content()
    with pytest.raises(HTTPError) as caught:
        urlopen(f"{address}{server.IMAGES}../../etc/passwd")
    caught.value.close()
    assert caught.value.code == 404

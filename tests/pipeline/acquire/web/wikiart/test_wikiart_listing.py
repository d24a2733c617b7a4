"""WikiArt's listing: every painting has a row with what the site says of it, and nobody is asked in vain."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest

from pipeline import manifest
from pipeline.acquire.wikiart import WikiArtSpec
from pipeline.errors import ConfigError
from tests.servers.faults import Reply
from tests.servers.wikiart import (
    COUNT,
    HALF_HD,
    PORTRAITS,
    keep,
    local,
    page_of,
    pages_asked,
    painting,
    show,
)


def test_every_painting_of_every_page_arrives_with_what_the_site_says_of_it(desk, server, spec, contents):
    done = desk.run(spec)
    assert (done.fetched, done.failed, done.outcome) == (COUNT, 0, "complete")
    for number, row in enumerate(desk.rows(spec)):
        assert desk.bytes_of(row) == contents[number][HALF_HD]
        assert (row.source, row.collection, row.source_id) == ("wikiart", "genre-portrait", f"{number:024x}")
        assert (row.title, row.author) == (f"Portrait No. {number}", "Anders Zorn")
        assert row.published_at == dt.datetime(1880, 1, 1, tzinfo=dt.UTC)
        assert (row.year, row.genre, row.style) == ("1880", "portrait", None)
        assert row.page_url == f"{server.url}/en/anders-zorn/portrait-{number}"
        assert row.source_url == f"{server.url}/images/anders-zorn/portrait-{number}.jpg!HalfHD.jpg"
        assert row.licence is None
    assert pages_asked(server) == [page_of(number) for number in (1, 2, 3, 4)]
    headers = server.asked[0].headers
    assert headers["X-Requested-With"] == "XMLHttpRequest"
    assert headers["Referer"] == server.url + PORTRAITS


@pytest.mark.parametrize(
    ("key", "slug", "path"),
    [
        ("artist", "anders-zorn", "/en/anders-zorn/mode/all-paintings"),
        ("genre", "portrait", "/en/paintings-by-genre/portrait"),
        ("style", "naïve-art", "/en/paintings-by-style/na%C3%AFve-art"),
    ],
)
def test_an_artist_a_genre_or_a_style_is_a_collection_of_its_own(desk, server, paintings, key, slug, path):
    keep(server, paintings[0])
    show(server, paintings[:1], path)
    spec = local(server)(**{key: slug})
    assert desk.run(spec).fetched == 1
    assert desk.folder(spec).name == f"{key}-{slug}"
    assert pages_asked(server)[0] == page_of(1, path)


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({}, "need exactly one of artist, genre, style"),
        ({"artist": "a", "style": "b"}, "artist, style"),
        ({"artist": "Vincent van Gogh"}, 'e.g. "vincent-van-gogh"'),
        ({"genre": "../portrait"}, "source.genre"),
        ({"artist": "https://www.wikiart.org/en/vincent-van-gogh"}, "address of its page"),
        ({"artist": ""}, "source.artist"),
    ],
)
def test_a_mistaken_name_is_refused_before_anybody_is_asked(keys, says):
    with pytest.raises(ConfigError, match=says):
        WikiArtSpec(**keys)


@pytest.mark.parametrize(
    ("year", "date"),
    [
        ("1503", dt.datetime(1503, 1, 1, tzinfo=dt.UTC)),
        (1889, dt.datetime(1889, 1, 1, tzinfo=dt.UTC)),
        *((text, None) for text in ("c.1850", "1850-1855", "", None, "0000", "XV century")),
    ],
)
def test_only_a_plain_year_is_a_date(desk, server, year, date):
    item = painting(1, year=year)
    keep(server, item)
    show(server, [item])
    spec = local(server)(genre="portrait")
    desk.run(spec)
    [row] = desk.rows(spec)
    assert row.published_at == date
    assert row.year == (None if year is None else str(year) or None)
    frame = pd.read_parquet(desk.folder(spec) / manifest.NAME)
    assert (frame["published_at"].iloc[0] == date) if date else pd.isna(frame["published_at"].iloc[0])


def test_the_older_form_of_the_listing_is_read_too(desk, server):
    item = painting(1) | {"completitionYear": 1871, "image": "/images/a.jpg!Large.jpg"}
    del item["year"], item["paintingUrl"]
    keep(server, item | {"image": "/images/a.jpg"})
    show(server, [item])
    spec = local(server)(genre="portrait")
    desk.run(spec)
    [row] = desk.rows(spec)
    assert row.published_at == dt.datetime(1871, 1, 1, tzinfo=dt.UTC)
    assert row.page_url is None
    assert row.source_url.endswith("/images/a.jpg!HalfHD.jpg")


def test_names_that_are_not_ascii_are_asked_for_as_the_web_spells_them(desk, server):
    names = {"image": "/images/josé/mujer niña (1).jpg", "paintingUrl": "/en/josé/mujer"}
    item = painting(1, title="Señora\n de \ud83d Ñ", **names)
    content = keep(server, item | {"image": "/images/jos%C3%A9/mujer%20ni%C3%B1a%20(1).jpg"})[HALF_HD]
    show(server, [item])
    spec = local(server)(genre="portrait")
    assert desk.run(spec).fetched == 1
    [row] = desk.rows(spec)
    assert desk.bytes_of(row) == content
    assert row.source_url == server.url + "/images/jos%C3%A9/mujer%20ni%C3%B1a%20(1).jpg!HalfHD.jpg"
    assert row.title == "Señora de Ñ"
    assert row.page_url == server.url + "/en/jos%C3%A9/mujer"


def test_locked_pictures_are_rows_with_a_reason_and_never_asked_for(desk, server, paintings):
    show(server, [paintings[0], painting(77, image="/images/FRAME-600x480.jpg"), paintings[1]])
    for item in paintings[:2]:
        keep(server, item)
    spec = local(server)(genre="portrait")
    done = desk.run(spec)
    assert (done.fetched, done.skipped) == (2, 1)
    assert desk.fates(spec) == ["fetched", "locked_frame", "fetched"]
    assert not any("FRAME" in path for path in server.paths())


def test_a_painting_without_a_picture_is_a_row(desk, server, paintings):
    keep(server, paintings[0])
    show(server, [painting(77, image=None), paintings[0], painting(78, image="")])
    spec = local(server)(genre="portrait")
    assert desk.run(spec).outcome == "complete"
    assert desk.fates(spec) == ["http_404", "fetched", "http_404"]


@pytest.mark.parametrize("end", [None, []])
def test_null_and_empty_end_the_listing(desk, server, spec, end):
    server.pages[page_of(4)] = Reply.json({"Paintings": end, "AllPaintingsCount": COUNT})
    assert desk.run(spec).fetched == COUNT
    assert len(pages_asked(server)) == 4


def test_an_artist_without_paintings_is_a_complete_listing_of_none(desk, server):
    show(server, [], "/en/nobody/mode/all-paintings")
    spec = local(server)(artist="nobody")
    assert desk.run(spec).outcome == "complete"
    assert desk.rows(spec) == []


def test_a_site_that_repeats_its_last_page_for_ever_is_left(desk, server, spec):
    server.pages[page_of(4)] = server.pages[page_of(3)]
    server.pages[page_of(5)] = server.pages[page_of(3)]
    assert desk.run(spec).fetched == COUNT
    assert len(pages_asked(server)) == 4


def test_a_limit_asks_for_no_page_more_than_it_needs(desk, server, spec):
    done = desk.run(type(spec)(genre="portrait", limit=5))
    assert done.fetched == 5
    assert pages_asked(server) == [page_of(1)]

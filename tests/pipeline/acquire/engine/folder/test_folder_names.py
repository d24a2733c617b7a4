"""Source folder: what the names of others' tools tell of pictures."""

from __future__ import annotations

import json
import lzma

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.acquire import folder_names
from tests.servers.files import put
from tests.servers.pictures import picture


@pytest.mark.parametrize(
    ("name", "author", "title", "year"),
    [
        ("portrait/albrecht-durer+self-portrait.jpg", "Albrecht Durer", "Self portrait", None),
        ("Impressionism/claude-monet_water-lilies-1916.jpg", "Claude Monet", "Water lilies", 1916),
        ("Post_Impressionism/vincent-van-gogh_roses-1889-1.jpg", "Vincent Van Gogh", "Roses", 1889),
        ("Art_Nouveau_Modern/théo_l-été.jpg", "Théo", "L été", None),
        ("bonsai/image_0001.jpg", None, None, None),
        ("Bonsai/image_0001.jpg", None, None, None),
        ("shoes/IMG_2020.jpg", None, None, None),
        ("a.jpg", None, None, None),
    ],
)
def test_names_tell_author_title_and_year(name, author, title, year):
    told = folder_names.Reader(lambda _: None).read(name)
    assert (told.author, told.title) == (author, title)
    assert (told.published_at.year if told.published_at else None) == year
    assert told.year == (str(year) if year else None)
    folder = name.partition("/")[0]
    assert told.genre == ("portrait" if folder == "portrait" else None)
    assert told.style == (folder.replace("_", " ") if folder.istitle() and author else None)


INSTALOADER = {
    "node": {
        "shortcode": "Bxyz123",
        "owner": {"username": "anna.paints"},
        "edge_media_to_caption": {"edges": [{"node": {"text": "A cat\n  at night " + "x" * 300}}]},
    }
}


def test_instaloaders_folders_are_understood(here, rows):
    put(here / "anna" / "2020-01-31_12-00-00_UTC_1.jpg")
    put(here / "anna" / "2020-01-31_12-00-00_UTC_2.jpg", picture(2))
    put(here / "anna" / "2020-01-31_12-00-00_UTC.json.xz", lzma.compress(json.dumps(INSTALOADER).encode()))
    put(here / "anna" / "2020-02-01_00-00-00_UTC.jpg", picture(3))
    put(here / "anna" / "2020-02-01_00-00-00_UTC.json.xz", b"damaged")
    put(here / "anna" / "2020-13-99_00-00-00_UTC.jpg", picture(4))
    found = rows(here)
    row = found["anna/2020-01-31_12-00-00_UTC_2.jpg"]
    assert (row.author, row.page_url) == ("anna.paints", "https://www.instagram.com/p/Bxyz123/")
    assert row.published_at.isoformat() == "2020-01-31T12:00:00+00:00"
    assert row.title.startswith("A cat at night xxx")
    assert len(row.title) == 200
    plain = found["anna/2020-02-01_00-00-00_UTC.jpg"]
    assert (plain.author, plain.title, plain.published_at.month) == ("anna", None, 2)
    assert found["anna/2020-13-99_00-00-00_UTC.jpg"].published_at is None
    assert len(found) == 4


def test_instagram_scrapers_folders_are_understood(here, rows):
    name = "12345678_2345678_3456789_n.jpg"
    post = {
        "shortcode": "Babc",
        "taken_at_timestamp": 1_580_472_000,
        "urls": [f"https://scontent.cdninstagram.com/v/t51/{name}?_nc_ht=x"],
        "edge_media_to_caption": {"edges": []},
    }
    put(here / "sneakers" / name)
    put(here / "sneakers" / "1_2_3_n.jpg", picture(2))
    put(here / "sneakers" / "sneakers.json", json.dumps({"GraphImages": [post]}).encode())
    found = rows(here)
    row = found[f"sneakers/{name}"]
    assert (row.author, row.page_url) == ("sneakers", "https://www.instagram.com/p/Babc/")
    assert row.published_at.isoformat() == "2020-01-31T12:00:00+00:00"
    assert found["sneakers/1_2_3_n.jpg"].author == "sneakers"
    assert found["sneakers/1_2_3_n.jpg"].page_url is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["node", "owner", "username", "shortcode", "GraphImages", "urls", "display_url", "edges"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(json_values, st.sampled_from(["2020-01-31_12-00-00_UTC.jpg", "u/1_2_3_n.jpg"]))
def test_no_sidecar_can_break_a_listing(value, name):
    content = json.dumps(value).encode()
    folder_names.Reader(lambda asked: content if asked.endswith(".json") else None).read(name)

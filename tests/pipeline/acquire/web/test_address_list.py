"""Files of addresses as people have them."""

from __future__ import annotations

import contextlib

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.acquire import address_list
from pipeline.acquire.address_list import Entry
from pipeline.acquire.addresses import spelled
from pipeline.acquire.opt_outs import opt_out
from pipeline.errors import ConfigError, ImpastoError

A, B = "https://a.example/1.jpg", "http://b.example/2.png?x=1,2"


def read(tmp_path, content: str | bytes, name: str) -> list[Entry]:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(address_list.read(path))


@pytest.mark.parametrize("name", ["list.txt", "list", "list.lst"])
def test_text_is_an_address_a_line(tmp_path, name):
    text = f"\ufeff{A}\r\n\r\n  # what follows is from B\n\t{B}  # a comment\nno address\n"
    assert read(tmp_path, text, name) == [Entry(A), Entry(B), Entry("no address")]


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("l.csv", f'id,url,title\n1,{A},Cat\n2,"{B}",\n3,,Nothing\n'),
        ("l.csv", f'id;URL;Title\r\n1;{A};Cat\r\n2;"{B}";\r\n'),
        ("l.tsv", f"id\turl\ttitle\n1\t{A}\tCat\n2\t{B}\n"),
        ("l.csv", f"\ufeffTitle | Image-URL\nCat|{A}\n|{B}\n".replace(" | ", "|")),
        ("L.CSV", f'caption,somewhere\nCat,{A}\n,"{B}"\n'),
    ],
    ids=["commas", "semicolons", "tabs", "bars", "no telling name"],
)
def test_a_table_says_where_its_addresses_and_titles_are(tmp_path, name, table):
    assert read(tmp_path, table, name) == [Entry(A, title="Cat"), Entry(B)]


def test_a_table_without_a_header_loses_no_line(tmp_path):
    assert [entry.address for entry in read(tmp_path, f'1,{A}\n2,"{B}"\n', "l.csv")] == [A, B]


def test_the_address_of_the_picture_counts_not_that_of_its_page(tmp_path):
    table = f"url,image_url,page_url\nhttps://shop.example/,{A},https://page.example/\n"
    assert read(tmp_path, table, "l.csv") == [Entry(A, page_url="https://page.example/")]


@pytest.mark.parametrize("text", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_parquet_of_any_text_type_is_read(tmp_path, text):
    rows = {
        "TEXT": pa.array(["Cat", None, ""]),
        "SIZE": pa.array([1, 2, 3]),
        "URL": pa.array([A, B, None]).cast(text),
        "LICENSE": pa.array(["?", "CC0", ""]),
    }
    pq.write_table(pa.table(rows), tmp_path / "l.parquet")
    found = list(address_list.read(tmp_path / "l.parquet"))
    assert found == [Entry(A, title="Cat", licence="?"), Entry(B, licence="CC0")]


def test_parquet_without_texts_says_what_is_missing(tmp_path):
    pq.write_table(pa.table({"n": [1, 2]}), tmp_path / "l.parquet")
    with pytest.raises(ConfigError, match="its columns are none"):
        list(address_list.read(tmp_path / "l.parquet"))


@given(content=st.binary(max_size=400), suffix=st.sampled_from([".txt", ".csv", ".tsv", ".parquet"]))
def test_any_bytes_are_a_list_or_one_line_of_error(tmp_path_factory, content, suffix):
    path = tmp_path_factory.mktemp("any") / f"list{suffix}"
    path.write_bytes(content)
    with contextlib.suppress(ImpastoError):
        assert all(entry.address.strip() for entry in address_list.read(path))


@given(st.text(max_size=80))
def test_spelling_an_address_twice_is_the_same_as_once(text):
    for address in (text, f"https://a.example/{text}"):
        assert spelled(spelled(address)) == spelled(address)
        spelled(address).encode()


@given(st.text(alphabet="abn oindex:,;*-", max_size=60))
def test_any_robots_tag_is_read(tag):
    assert opt_out({"x-robots-tag": tag}) in {None, "noai", "noindex", "none", "noimageai", "noimageindex"}


def test_directives_after_a_name_are_for_that_bot_alone():
    assert opt_out({"X-Robots-Tag": "googlebot: nofollow, noindex, impasto: noai"}) == "noai"
    assert opt_out({"X-Robots-Tag": "googlebot: nofollow, noindex, otherbot: noai"}) is None
    assert opt_out({"X-Robots-Tag": "max-snippet: 3, noindex"}) == "noindex"


def test_two_headers_are_read_one_by_one():
    from urllib3 import HTTPHeaderDict

    headers = HTTPHeaderDict()
    headers.add("X-Robots-Tag", "googlebot: nofollow")
    headers.add("X-Robots-Tag", "noindex")
    assert opt_out(headers) == "noindex"

"""Lists of addresses: every one accounted for, opt-outs honoured, private networks left alone."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from pipeline.acquire import transport
from pipeline.acquire.urls import UrlsSpec
from pipeline.errors import ConfigError, MissingInput, SourceRefused
from tests.servers import mortal
from tests.servers.faults import HTML_PAGE, SERVER_ERROR, Reply, too_many
from tests.servers.pictures import picture, serving


@pytest.fixture
def listed(tmp_path):
    """A list that names these lines; gives its spec."""

    def write(*lines: str, name: str = "list.txt", **keys) -> UrlsSpec:
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return UrlsSpec(path=path, **{"allow_private": True} | keys)

    return write


@pytest.fixture
def urls(server) -> list[str]:
    return [server.add(f"/{number}.jpg", picture(number)) for number in range(6)]


def test_every_picture_of_the_list_arrives_in_its_order(desk, server, urls, listed):
    spec = listed(*urls)
    done = desk.run(spec)
    assert (done.fetched, done.failed, done.outcome) == (6, 0, "complete")
    assert [row.source_url for row in desk.rows(spec)] == urls
    assert [desk.bytes_of(row) for row in desk.rows(spec)] == [picture(number) for number in range(6)]


def test_the_collection_is_named_after_the_file_and_told_from_others_of_that_name(tmp_path, monkeypatch):
    spec = UrlsSpec(path=tmp_path / "my list.csv")
    assert spec.collection.startswith("my-list-")
    assert len(spec.collection) == len("my-list-") + 8
    monkeypatch.chdir(tmp_path)
    assert UrlsSpec(path=tmp_path / "x" / ".." / "my list.csv").collection == spec.collection
    assert UrlsSpec(path=Path("my list.csv")).collection == spec.collection
    assert UrlsSpec(path=tmp_path / "other" / "my list.csv").collection != spec.collection


def test_an_address_that_is_listed_twice_is_one_picture(desk, server, urls, listed):
    spec = listed(
        urls[0], urls[1], urls[0], urls[0] + "#top", urls[0].replace("http", "HTTP"), f"  {urls[1]} "
    )
    assert desk.run(spec).fetched == 2
    assert [row.source_url for row in desk.rows(spec)] == urls[:2]
    assert sorted(server.paths()) == ["/0.jpg", "/1.jpg"]


def test_the_same_bytes_under_two_addresses_are_two_rows_and_one_file(desk, server, urls, listed):
    spec = listed(urls[0], server.add("/copy.jpg", picture(0)))
    desk.run(spec)
    first, second = desk.rows(spec)
    assert first.path == second.path


def test_who_then_allows_private_addresses_gets_what_was_refused(desk, server, urls, listed):
    spec = listed(*urls[:2], allow_private=False)
    desk.run(spec)
    assert desk.fates(spec) == ["unsafe_address"] * 2
    assert server.asked == []
    desk.run(dataclasses.replace(spec, allow_private=True))
    assert desk.fates(spec) == ["fetched"] * 2


def test_a_list_that_stays_the_same_is_not_gone_over_again(desk, server, urls, listed):
    spec = listed(*urls[:3])
    desk.run(spec)
    desk.time.sleep(30 * 24 * 3600)
    server.asked.clear()
    assert desk.run(spec).listed == 0
    longer = listed(urls[5], *urls[:3])
    assert desk.run(longer).fetched == 1
    assert server.paths() == ["/5.jpg"]
    assert [row.source_url for row in desk.rows(longer)] == [*urls[:3], urls[5]]


def test_what_is_no_web_address_is_a_row_and_nothing_is_opened(desk, urls, listed, tmp_path):
    (tmp_path / "secret.jpg").write_bytes(picture(9))
    bad = [
        f"file://{tmp_path}/secret.jpg",
        str(tmp_path / "secret.jpg"),
        "ftp://127.0.0.1/a.jpg",
        "data:image/png;base64,AAAA",
        "javascript:alert(1)",
        "http://",
        "http://[::1",
        "no address at all",
        "gopher://x",
    ]
    spec = listed(*bad, urls[0])
    done = desk.run(spec)
    assert (done.fetched, done.failed) == (1, len(bad))
    assert desk.fates(spec) == ["unsafe_address"] * len(bad) + ["fetched"]
    assert [row.source_id for row in desk.rows(spec)][: len(bad)] == bad


# Opting out

OPT_OUTS = ["noai", "noimageai", "noindex", "NoAI, NoImageAI", "nofollow, noindex", "none", "impasto: noai"]
NOT_FOR_US = [
    "nofollow",
    "all",
    "googlebot: noindex",
    "otherbot: noindex, noai",
    "unavailable_after: 25 Jun 2030 15:00:00 PST",
    "max-image-preview: large, max-snippet: -1",
]


@pytest.mark.parametrize("tag", OPT_OUTS)
def test_who_opts_out_is_a_row_that_is_skipped_and_never_asked_again(desk, server, urls, listed, tag):
    server.add("/0.jpg", picture(0), **{"X-Robots-Tag": tag})
    spec = listed(*urls[:2])
    done = desk.run(spec)
    assert (done.fetched, done.skipped, done.failed) == (1, 1, 0)
    row = desk.rows(spec)[0]
    assert (row.status, row.reason, row.image_id, row.path) == ("skipped", "opted_out", None, None)
    assert row.detail.startswith("X-Robots-Tag: no")
    assert len(list(desk.folder(spec).glob("??/*"))) == 1
    server.asked.clear()
    done = desk.run(spec, anew=True)
    assert (done.known, done.skipped, server.paths()) == (1, 1, [])
    assert desk.rows(spec)[0] == row


@pytest.mark.parametrize("tag", NOT_FOR_US)
def test_what_is_said_to_others_or_of_other_things_is_no_opt_out(desk, server, urls, listed, tag):
    server.add("/0.jpg", picture(0), **{"X-Robots-Tag": tag})
    assert desk.run(listed(urls[0])).fetched == 1


def test_a_redirect_may_opt_out_for_what_lies_behind_it(desk, server, urls, listed):
    headers = {"Location": urls[0], "x-robots-tag": "noai"}
    server.pages["/short"] = Reply(302, b"", headers=headers)
    spec = listed(f"{server.url}/short")
    desk.run(spec)
    assert (desk.fates(spec), server.paths()) == (["opted_out"], ["/short"])


def test_an_error_page_that_is_not_to_be_indexed_opts_nobody_out(desk, server, urls, listed):
    server.faults.add("/0.jpg", Reply(503, b"", headers={"X-Robots-Tag": "noindex"}))
    server.faults.add("/1.jpg", Reply(404, b"", headers={"X-Robots-Tag": "noindex"}))
    spec = listed(*urls[:2])
    desk.run(spec)
    assert desk.fates(spec) == ["fetched", "http_404"]


# Private networks


def test_private_addresses_get_not_one_request_unless_allowed(desk, server, urls, listed):
    spec = listed(urls[0], urls[1].replace("127.0.0.1", "localhost"), allow_private=False)
    desk.run(spec)
    assert desk.fates(spec) == ["unsafe_address"] * 2
    assert server.asked == []


def test_a_redirect_into_a_private_network_is_refused(desk, server, urls, listed, monkeypatch):
    monkeypatch.setattr(transport, "_is_public", lambda peer: str(peer) == "127.0.0.1")
    with serving(address="127.0.0.2") as inside:
        server.pages["/out"] = Reply(302, b"", headers={"Location": inside.add("/metadata", picture(1))})
        spec = listed(f"{server.url}/out", urls[0], allow_private=False)
        desk.run(spec)
    assert desk.fates(spec) == ["unsafe_address", "fetched"]
    assert inside.asked == []


# What goes wrong


def test_passing_faults_of_every_kind_cost_no_picture(desk, server, urls, listed):
    faults = [
        {"reply": too_many("20")},
        {"reply": SERVER_ERROR},
        {"cut": "reset"},
        {"cut": "short"},
        {"cut": "short without length"},
        {"cut": "stalled"},
    ]
    for url, fault in zip(urls, faults, strict=True):
        server.faults.add(url.removeprefix(server.url), **fault)
    spec = listed(*urls)
    assert desk.run(spec).fetched == 6
    assert desk.fates(spec) == ["fetched"] * 6


def test_what_cannot_be_had_is_a_row_with_its_reason(desk, server, urls, listed):
    with serving() as gone:
        nowhere = f"{gone.url}/x.jpg"
    server.faults.add("/0.jpg", Reply(404, b""))
    server.faults.add("/1.jpg", Reply(410, b""))
    server.faults.add("/2.jpg", Reply(403, b""))
    server.faults.add("/3.jpg", HTML_PAGE)
    server.faults.add("/4.jpg", cut="short", times=None)
    spec = listed(*urls, nowhere)
    done = desk.run(spec)
    assert (done.fetched, done.outcome) == (1, "complete")
    assert desk.fates(spec) == [
        "http_404",
        "http_404",
        "http_error",
        "not_an_image",
        "truncated",
        "fetched",
        "network",
    ]


def test_a_host_that_refuses_us_keeps_no_picture_of_another_from_us(desk, server, urls, listed):
    with serving(desk.time.clock, address="127.0.0.2") as other:
        theirs = [other.add(f"/{number}.jpg", picture(20 + number)) for number in range(3)]
        server.faults.add("*", too_many("86400"), times=None)
        spec = listed(*urls, *theirs)
        with pytest.raises(SourceRefused, match="run the same again after") as refusal:
            desk.run(spec)
        assert refusal.value.slug == "rate_limited"
        fates = dict(zip([row.source_url for row in desk.rows(spec)], desk.fates(spec), strict=True))
        assert [fates[url] for url in theirs] == ["fetched"] * 3
        assert [fates[url] for url in urls] == ["rate_limited"] * 6
        assert len(server.asked) <= 4, "more was asked of the host than was in flight"
        server.faults.clear()
        desk.time.sleep(86_500)
        desk.run(spec)
    assert desk.fates(spec) == ["fetched"] * 9


def test_hosts_that_are_gone_are_rows_and_a_list_of_nothing_else_cannot_be_reached(desk, urls, listed):
    with serving() as gone:
        dead = [f"{gone.url}/{number}.jpg" for number in range(8)]
    spec = listed(*dead, urls[0])
    assert desk.run(spec).outcome == "complete"
    assert desk.fates(spec) == ["network"] * 8 + ["fetched"]
    with pytest.raises(SourceRefused) as refusal:
        desk.run(listed(*dead, name="dead.txt"))
    assert refusal.value.slug == "network"


# The file itself


def test_a_file_that_is_not_there_is_one_line(desk, tmp_path):
    with pytest.raises(MissingInput, match="no such file"):
        desk.run(UrlsSpec(path=tmp_path / "none.txt"))


def test_a_file_that_may_not_be_read_or_is_none_of_these_is_one_line(desk, tmp_path):
    (tmp_path / "list.parquet").write_bytes(b"no Parquet")
    with pytest.raises(MissingInput, match="cannot be read as a list of addresses"):
        desk.run(UrlsSpec(path=tmp_path / "list.parquet"))
    with pytest.raises(MissingInput, match="no such file"):
        desk.run(UrlsSpec(path=tmp_path))
    if os.geteuid() != 0:
        (tmp_path / "closed.txt").write_text("http://x/")
        (tmp_path / "closed.txt").chmod(0)
        with pytest.raises(MissingInput, match="Permission denied"):
            desk.run(UrlsSpec(path=tmp_path / "closed.txt"))


def test_a_table_without_addresses_names_its_columns(desk, listed):
    with pytest.raises(ConfigError, match=r"named url; its columns are name, size"):
        desk.run(listed("name,size", "cat,3", name="list.csv"))


def test_licence_author_and_title_come_with_the_picture(desk, urls, listed):
    spec = listed(
        "Image URL,Photographer,Caption,License,Page URL",
        f'{urls[0]},Ansel,"Moon,\nHernandez",CC0-1.0,http://x.example/ü',
        f"{urls[1]},,,",
        name="list.csv",
    )
    desk.run(spec)
    first, second = desk.rows(spec)
    assert (first.author, first.title, first.licence) == ("Ansel", "Moon, Hernandez", "CC0-1.0")
    assert first.page_url == "http://x.example/%C3%BC"
    assert (second.author, second.title, second.licence, second.page_url) == (None, None, None, None)


@pytest.mark.parametrize(
    "point", ["between bytes and journal", "while listing", "between pictures and manifest"]
)
def test_a_killed_run_ends_as_if_it_had_not_been(desk, server, listed, tmp_path, point):
    urls = [server.add(f"/{number}.jpg", picture(number)) for number in range(20)]
    server.add("/3.jpg", picture(3), **{"X-Robots-Tag": "noai"})
    spec = listed(*urls, urls[0], f"{server.url}/gone.jpg", "no address")
    mortal.run(spec, tmp_path / "plain")
    mortal.run(spec, desk.data, point)
    mortal.run(spec, desk.data)
    killed, plain = (
        [
            dataclasses.replace(row, fetched_at=None, attempts=0)
            for row in dataclasses.replace(desk, data=data).rows(spec)
        ]
        for data in (desk.data, tmp_path / "plain")
    )
    assert killed == plain
    assert [row.status for row in plain].count("fetched") == 19

"""WikiArt: every painting has a row, a missing size costs no picture, a refusal is heard."""

from __future__ import annotations

import datetime as dt
import itertools

import pandas as pd
import pytest
import trustme

from pipeline import manifest
from pipeline.acquire.wikiart import WikiArtSpec
from pipeline.errors import ConfigError, SourceRefused
from tests.servers.faults import HTML_PAGE, SERVER_ERROR, Reply, too_many
from tests.servers.https import redirected
from tests.servers.pictures import serving
from tests.servers.wikiart import (
    HALF_HD,
    HD,
    LARGE,
    ORIGINAL,
    PORTRAITS,
    SIZES,
    keep,
    local,
    page_of,
    painting,
    show,
)

COUNT = 12


@pytest.fixture
def paintings():
    return [painting(number) for number in range(COUNT)]


@pytest.fixture
def contents(server, paintings):
    """The site as it is when all is well; gives the bytes by painting and size."""
    show(server, paintings)
    return [keep(server, item) for item in paintings]


@pytest.fixture
def spec(server, contents):
    return local(server)(genre="portrait")


def pictures_asked(server) -> list[str]:
    return [path for path in server.paths() if path.startswith("/images/")]


def pages_asked(server) -> list[str]:
    return [path for path in server.paths() if not path.startswith("/images/")]


# What is listed


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


# Which size


@pytest.mark.parametrize(
    ("there", "taken"),
    [
        ((HALF_HD, HD, LARGE, ORIGINAL), HALF_HD),
        ((HD, LARGE, ORIGINAL), HD),
        ((LARGE, ORIGINAL), LARGE),
        ((ORIGINAL,), ORIGINAL),
    ],
)
def test_the_first_useful_size_that_is_there_is_taken(desk, server, there, taken):
    check_size(desk, server, there, taken, keep_originals=False)


@pytest.mark.parametrize(
    ("there", "taken"),
    [
        ((HALF_HD, HD, LARGE, ORIGINAL), ORIGINAL),
        ((HALF_HD, HD, LARGE), HD),
        ((HALF_HD, LARGE), HALF_HD),
        ((LARGE,), LARGE),
    ],
)
def test_keep_originals_takes_the_largest_that_is_there(desk, server, there, taken):
    check_size(desk, server, there, taken, keep_originals=True)


def check_size(desk, server, there, taken, keep_originals):
    item = painting(1)
    content = keep(server, item, there)[taken]
    show(server, [item])
    spec = local(server)(genre="portrait", keep_originals=keep_originals)
    desk.run(spec)
    [row] = desk.rows(spec)
    assert desk.bytes_of(row) == content
    assert row.source_url == server.url + item["image"] + taken, "not where the bytes are"
    asked = pictures_asked(server)
    assert len(asked) == len(set(asked)), "a missing size was asked for twice"
    # A lost file comes back from where it was found.
    (desk.data / row.path).unlink()
    server.asked.clear()
    assert desk.run(spec).fetched == 1
    assert pictures_asked(server) == [item["image"] + taken]
    assert desk.rows(spec)[0].image_id == row.image_id


@pytest.mark.parametrize(
    "fault",
    [
        {"reply": HTML_PAGE},
        {"reply": Reply(200, b"")},
        {"reply": Reply(403, b"")},
        {"reply": SERVER_ERROR},
        {"cut": "short"},
    ],
    ids=["a page for a picture", "nothing", "forbidden", "server error", "always cut short"],
)
def test_a_size_that_cannot_be_had_is_replaced_by_the_next(desk, server, spec, contents, fault):
    server.faults.add(f"/images/anders-zorn/portrait-3.jpg{HALF_HD}", times=None, **fault)
    assert desk.run(spec).fetched == COUNT
    assert desk.bytes_of(desk.rows(spec)[3]) == contents[3][HD]


@pytest.mark.parametrize(
    ("reply", "reason"),
    [(Reply(404, b""), "http_404"), (HTML_PAGE, "not_an_image"), (SERVER_ERROR, "http_error")],
)
def test_a_picture_that_is_in_no_size_is_a_row_and_the_others_arrive(desk, server, spec, reply, reason):
    for size in SIZES:
        server.faults.add(f"/images/anders-zorn/portrait-3.jpg{size}", reply, times=None)
    done = desk.run(spec)
    assert (done.fetched, done.failed, done.outcome) == (COUNT - 1, 1, "complete")
    assert desk.fates(spec)[3] == reason


@pytest.mark.parametrize("reply", [Reply(403, b""), HTML_PAGE], ids=["forbidden", "pages for pictures"])
@pytest.mark.parametrize("got_before", [0, 2])
def test_a_site_that_keeps_all_its_pictures_from_us_is_left_alone(desk, server, reply, got_before):
    paintings = [painting(number) for number in range(30)]
    show(server, paintings)
    spec = local(server)(genre="portrait")
    for number, item in enumerate(paintings):
        keep(server, item)
        for size in SIZES:
            path = f"/images/anders-zorn/portrait-{number}.jpg{size}"
            server.faults.add(path, reply, skip=number < got_before, times=None)
    with pytest.raises(SourceRefused, match="keeps its pictures from us") as refusal:
        desk.run(spec)
    assert refusal.value.slug == "soft_blocked"
    assert len(pictures_asked(server)) <= 15 * len(SIZES), "it was asked on and on"
    server.asked.clear()
    with pytest.raises(SourceRefused, match="run the same again after"):
        desk.run(spec)
    assert server.asked == []

    server.faults.clear()
    desk.time.sleep(901)
    desk.run(spec)
    assert desk.fates(spec) == ["fetched"] * 30


def test_what_is_still_forbidden_after_a_block_is_settled_by_the_next_run(desk, server):
    paintings = [painting(number) for number in range(12)]
    show(server, paintings)
    spec = local(server)(genre="portrait")
    for number, item in enumerate(paintings):
        keep(server, item)
        for size in SIZES:
            server.faults.add(f"/images/anders-zorn/portrait-{number}.jpg{size}", Reply(403, b""), times=None)
    with pytest.raises(SourceRefused):
        desk.run(spec)
    server.faults.clear()
    for size in SIZES:
        server.faults.add(f"/images/anders-zorn/portrait-11.jpg{size}", Reply(403, b""), times=None)
    desk.time.sleep(901)
    desk.run(spec)
    assert desk.fates(spec) == ["fetched"] * 11 + ["http_error"]
    server.asked.clear()
    desk.run(spec)
    assert server.asked == []


def test_pictures_that_are_forbidden_for_themselves_end_no_run(desk, server, spec):
    for number in (1, 3, 6, 8, 9, 11):
        for size in SIZES:
            server.faults.add(f"/images/anders-zorn/portrait-{number}.jpg{size}", Reply(403, b""), times=None)
    desk.run(spec)
    fates = desk.fates(spec)
    assert [fates[number] for number in (1, 3, 6, 8, 9, 11)] == ["http_error"] * 6
    assert fates.count("fetched") == COUNT - 6


def test_originals_are_fetched_once_asked_for_and_not_taken_back(desk, server, spec, contents):
    desk.run(spec)
    originals = type(spec)(genre="portrait", keep_originals=True)
    assert desk.run(originals).fetched == COUNT
    assert [desk.bytes_of(row) for row in desk.rows(spec)] == [sizes[ORIGINAL] for sizes in contents]
    server.asked.clear()
    desk.run(spec, anew=True)
    desk.run(originals, anew=True)
    assert pictures_asked(server) == []


# What goes wrong

PASSING = {
    "429 that names a time": {"reply": too_many("30")},
    "429 that names none": {"reply": too_many()},
    "a 500": {"reply": SERVER_ERROR},
    "a 503": {"reply": Reply(503, b"")},
    "a reset": {"cut": "reset"},
    "cut short": {"cut": "short"},
    "cut short without a length": {"cut": "short without length"},
    "stalled": {"cut": "stalled"},
    "slow": {"cut": "slow"},
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
@pytest.mark.parametrize("page", [1, 3])
def test_a_passing_fault_of_a_page_costs_no_picture(desk, server, spec, fault, page):
    server.faults.add(PORTRAITS, skip=page - 1, **fault)
    assert desk.run(spec).fetched == COUNT
    assert desk.fates(spec) == ["fetched"] * COUNT


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_passing_faults_of_pictures_cost_no_picture_and_no_size(desk, server, spec, contents, fault):
    for number in (0, 5, 11):
        server.faults.add(f"/images/anders-zorn/portrait-{number}.jpg{HALF_HD}", **fault)
    assert desk.run(spec).fetched == COUNT
    assert [desk.bytes_of(row) for row in desk.rows(spec)] == [sizes[HALF_HD] for sizes in contents]


REFUSALS = {
    "too many requests": (too_many(), "rate_limited", 4),
    "forbidden": (Reply(403, b"<html>Attention Required!</html>", "text/html"), "soft_blocked", 1),
    "quota": (Reply(500, b'{"error": "Free API limit exceeded"}'), "quota", 1),
    "a broken server": (SERVER_ERROR, "server_error", 4),
    "a page for a listing": (HTML_PAGE, "server_error", 1),
    "another JSON": (Reply.json({"error": "what?"}), "server_error", 1),
    "no JSON object": (Reply.json([1]), "server_error", 1),
    "paintings without an id": (Reply.json({"Paintings": [{"title": "x"}]}), "server_error", 1),
    "JSON that always breaks off": (Reply(200, b'{"Paintings": [{"id": "1'), "network", 4),
    "no such page": (Reply(404, b""), "missing", 1),
    "a login": (Reply(401, b""), "login_required", 1),
}


@pytest.mark.parametrize(("reply", "slug", "requests"), REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_is_heard_at_once_and_a_later_run_gets_everything(
    desk, server, spec, reply, slug, requests
):
    server.faults.add(PORTRAITS, reply, skip=1, times=None)
    with pytest.raises(SourceRefused) as refusal:
        desk.run(spec)
    assert (refusal.value.slug, refusal.value.exit_code) == (slug, 3)
    assert "\n" not in str(refusal.value)
    assert len(pages_asked(server)) == 1 + requests, "the refusing page was asked too often"
    listing = desk.listing(spec)
    assert (listing["outcome"], listing["complete"]) == (slug, False)
    assert desk.fates(spec) == ["fetched"] * 5, "what was listed was not fetched"

    server.faults.clear()
    desk.time.sleep(2 * 3600)
    server.asked.clear()
    assert desk.run(spec).outcome == "complete"
    assert desk.fates(spec) == ["fetched"] * COUNT
    assert pages_asked(server)[0] in {page_of(1), page_of(2)}
    assert len(pages_asked(server)) <= 4, "more than one page was asked for again"
    assert len(pictures_asked(server)) == COUNT - 5


@pytest.mark.parametrize(
    ("reply", "away_s"),
    [
        (too_many(), 900),
        (Reply(403, b""), 900),
        (Reply(500, b"Free API limit exceeded"), 3600),
        (too_many("7200"), 7200),
    ],
    ids=["rate limit", "block", "quota", "named"],
)
def test_no_request_goes_out_while_we_are_told_to_stay_away(desk, server, spec, reply, away_s):
    server.faults.add(PORTRAITS, reply, times=None)
    with pytest.raises(SourceRefused):
        desk.run(spec)
    server.faults.clear()
    server.asked.clear()
    desk.time.sleep(away_s - 60)
    with pytest.raises(SourceRefused, match="run the same again after"):
        desk.run(spec)
    assert server.asked == []
    desk.time.sleep(120)
    assert desk.run(spec).fetched == COUNT


def test_a_rate_limit_is_asked_again_ever_later_and_as_named(desk, server, spec):
    server.faults.add(PORTRAITS, too_many(), times=2)
    server.faults.add(PORTRAITS, too_many("100"))
    desk.run(spec)
    times = [asked.at for asked in server.asked if asked.path == page_of(1)]
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert 15 <= gaps[0] <= 22.5 + 1
    assert 30 <= gaps[1] <= 45 + 1
    assert 100 <= gaps[2] <= 101


def test_who_does_not_exist_is_missing_and_the_line_says_what_to_do(desk, server):
    with pytest.raises(SourceRefused, match="no artist 'nobdy'; take the name from") as refusal:
        desk.run(local(server)(artist="nobdy"))
    assert refusal.value.slug == "missing"
    assert len(server.asked) == 1


def test_an_interrupted_listing_asks_for_one_page_again_at_most(desk, server, spec):
    def interrupt(done, total):
        if done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        desk.run(spec, tick=interrupt)
    asked = pages_asked(server)
    before = set(pictures_asked(server))
    server.asked.clear()
    desk.run(spec)
    assert desk.fates(spec) == ["fetched"] * COUNT
    assert [row.source_id for row in desk.rows(spec)] == [f"{number:024x}" for number in range(COUNT)]
    assert len(set(asked) & set(pages_asked(server))) <= 1
    again = before & set(pictures_asked(server))
    assert len(again) <= 8, "only what was in flight may be fetched twice"


def test_the_source_as_it_is_speaks_https_with_the_real_names_two_requests_a_second(
    tmp_path, desk, make_client
):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    trust = {"ca_bundle": str(tmp_path / "ca.pem")}
    hosts = ["www.wikiart.org", *(f"uploads{number}.wikiart.org" for number in range(4))]
    with serving(desk.time.clock, tls=authority.issue_cert(*hosts)) as site:
        port = int(site.url.rpartition(":")[2])
        paintings = [painting(number) for number in range(COUNT)]
        for item in paintings:
            keep(site, item)
        site.url = ""
        show(
            site, [p | {"image": f"https://{hosts[1 + n % 4]}{p['image']}"} for n, p in enumerate(paintings)]
        )
        spec = WikiArtSpec(genre="portrait")
        with redirected(port, hosts):
            assert desk.run(spec, client=trust).fetched == COUNT
            assert {asked.headers["Host"] for asked in site.asked} == set(hosts)
            # One by one, as only then the site's clock tells when a request was sent.
            site.asked.clear()
            client = make_client(**trust)
            for row in desk.rows(spec):
                client.picture(row.source_url)
    gaps = [later - earlier for earlier, later in itertools.pairwise(site.times())]
    assert all(0.4 <= gap <= 0.6 + 1e-6 for gap in gaps), "the hosts of one site have paces of their own"
    assert desk.rows(spec)[1].page_url == "https://www.wikiart.org/en/anders-zorn/portrait-1"

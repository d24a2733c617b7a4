"""WikiArt when things go wrong: what passes costs nothing, a refusal is heard, a later run gets all."""

from __future__ import annotations

import itertools

import pytest
import trustme

from pipeline.acquire.wikiart import WikiArtSpec
from pipeline.errors import SourceRefused
from tests.servers.faults import HTML_PAGE, SERVER_ERROR, Reply, too_many
from tests.servers.https import redirected
from tests.servers.pictures import serving
from tests.servers.wikiart import (
    COUNT,
    HALF_HD,
    PORTRAITS,
    keep,
    local,
    page_of,
    pages_asked,
    painting,
    pictures_asked,
    show,
)

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
    desk, server, files, paintings, reply, slug, requests
):
    show(server, paintings, files=files)
    for item in paintings:
        keep(files, item)
    spec = local(server)(genre="portrait")
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
    files.asked.clear()
    assert desk.run(spec).outcome == "complete"
    assert desk.fates(spec) == ["fetched"] * COUNT
    assert pages_asked(server)[0] in {page_of(1), page_of(2)}
    assert len(pages_asked(server)) <= 4, "more than one page was asked for again"
    assert len(pictures_asked(files)) == COUNT - 5


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

"""The client's manners: paced, patient as long as it is told to be, silent where it was sent away."""

from __future__ import annotations

import itertools
import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline.acquire import standing
from pipeline.acquire.client import ATTEMPTS, Client, host_of
from pipeline.acquire.ledger import Ledger
from pipeline.acquire.manners import Manners, manners_for
from pipeline.acquire.pacing import Pacer
from pipeline.errors import SourceRefused
from tests.servers.faults import too_many
from tests.servers.pictures import BYTES
from tests.slugs import slug_of


def test_requests_to_a_host_keep_their_distance(server, url, client):
    for _ in range(5):
        client.get(url)
    gaps = [later - earlier for earlier, later in itertools.pairwise(server.times())]
    assert all(0.5 <= gap <= 0.5 * 1.5 for gap in gaps)
    assert len({round(gap, 6) for gap in gaps}) > 1, "the gaps have no jitter"


def test_pictures_may_follow_each_other_faster_than_pages(server, url, client):
    for _ in range(5):
        client.picture(url)
    gaps = [later - earlier for earlier, later in itertools.pairwise(server.times())]
    assert all(0.1 <= gap <= 0.15 + 1e-9 for gap in gaps)


def test_no_more_requests_at_once_than_manners_allow(server, url):
    server.linger_s = 0.05
    client = Client(manners=lambda host: Manners(picture_gap_s=0, parallel=3))
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(client.picture, [url] * 12))
    assert server.most_at_once == 3


def test_a_source_sets_the_manners_of_its_own_host(server, url, client):
    client.set_manners(host_of(url), Manners(picture_gap_s=7, jitter=0))
    client.picture(url)
    client.picture(url)
    assert server.times()[1] - server.times()[0] == pytest.approx(7)


def test_haste_counts_only_for_hosts_of_this_machine(fake_time, monkeypatch):
    addresses = {"far.example": "93.184.216.34", "localhost": "127.0.0.1"}
    monkeypatch.setattr("socket.getaddrinfo", lambda host, *_, **__: [(2, 1, 6, "", (addresses[host], 0))])
    pacer = Pacer(
        lambda host: Manners(page_gap_s=1, jitter=0),
        pace=0,
        sleep=fake_time.sleep,
        clock=fake_time.clock,
        dice=random.Random(0),
    )
    for host, waited in (("localhost:8000", 0), ("far.example", 2)):
        fake_time.slept.clear()
        for _ in range(3):
            with pacer.turn(host, "page"):
                pass
        assert sum(fake_time.slept) == waited


def test_the_longest_known_domain_gives_a_host_its_manners():
    known = {"example": Manners(parallel=1), "art.example": Manners(parallel=2)}
    assert manners_for("pictures.art.example:8080", known).parallel == 2
    assert manners_for("other.example", known).parallel == 1
    assert manners_for("smart.org", known) == Manners()


@pytest.mark.parametrize("named", ["120", "Thu, 01 Jan 2026 00:02:00 GMT"])
def test_a_named_wait_is_kept_to_the_second_whatever_the_pace(server, url, make_client, named):
    server.faults.add("/1.jpg", too_many(named))
    assert make_client(pace=0).picture(url) == BYTES
    first, second = server.times()
    assert 120 <= second - first < 121


def test_while_a_host_is_held_off_nobody_asks_it(server, url, make_client, fake_time):
    server.faults.add("/1.jpg", too_many("60"))
    server.faults.add("/1.jpg", cut="held", times=3)  # so that nobody is free before all have heard

    def sleep(seconds: float) -> None:
        server.faults.release()
        fake_time.sleep(seconds)

    client = make_client(pace=0, sleep=sleep)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(client.picture, [url] * 8)) == [BYTES] * 8
    refused_at = server.times()[0]
    in_flight = [at for at in server.times() if at < refused_at + 60]
    assert len(in_flight) <= 4, "only what was on its way when the host said so"
    assert len(server.asked) == 9


def test_a_wait_that_outlives_a_run_is_kept_by_the_next(server, url, make_client, fake_time, tmp_path):
    server.faults.add("/1.jpg", too_many("600"))
    first = make_client(ledger=Ledger(tmp_path / "ledger", fake_time.now), sleep=lambda _: first.stop())
    assert slug_of(lambda: first.picture(url)) == "interrupted"
    first.ledger.close()
    assert make_client(ledger=Ledger(tmp_path / "ledger", fake_time.now)).picture(url) == BYTES
    assert server.times()[1] - server.times()[0] >= 599


def test_a_rate_limit_that_does_not_end_ends_the_run_and_is_remembered(
    server, url, make_client, fake_time, tmp_path
):
    server.faults.add("*", too_many(), times=None)
    client = make_client(ledger=Ledger(tmp_path / "ledger", fake_time.now))
    with pytest.raises(SourceRefused, match="run the same again after 2026-01-01 00:"):
        client.get(url)
    assert len(server.asked) == ATTEMPTS
    waits = [later - earlier for earlier, later in itertools.pairwise(server.times())]
    assert waits == sorted(waits)
    assert waits[0] >= 15

    assert slug_of(lambda: client.picture(url)) == "rate_limited"
    client.ledger.close()
    later = make_client(ledger=Ledger(tmp_path / "ledger", fake_time.now))
    assert slug_of(lambda: later.get(url)) == "rate_limited"
    assert len(server.asked) == ATTEMPTS, "a refused host was asked again"

    server.faults.clear()
    fake_time.sleep(standing.REFUSAL_S + 1)
    assert later.get(url).body == BYTES


def test_who_insists_may_ask_a_host_that_refused(server, url, make_client):
    client = make_client()
    client.refuse(host_of(url), "soft_blocked", "please wait")
    assert slug_of(lambda: client.get(url)) == "soft_blocked"
    client.ledger.release()
    assert client.get(url).body == BYTES


def test_a_wait_of_a_day_is_a_refusal(server, url, client, fake_time):
    server.faults.add("/1.jpg", too_many("86400"))
    with pytest.raises(SourceRefused, match="2026-01-02 00:00"):
        client.get(url)
    assert sum(fake_time.slept) < 1

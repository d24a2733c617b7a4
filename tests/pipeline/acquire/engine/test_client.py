"""The client's requests: retried where that helps, checked, bounded, ended when asked."""

from __future__ import annotations

import ipaddress
import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import trustme

from pipeline.acquire import standing, transport
from pipeline.acquire.client import ATTEMPTS, Client, host_of
from pipeline.acquire.manners import Manners, Timeouts
from pipeline.errors import PictureFault, SourceRefused
from tests.servers.faults import SERVER_ERROR, Reply, too_many
from tests.servers.pictures import BYTES, serving
from tests.slugs import slug_of

PASSING = {
    "a single 500": {"reply": SERVER_ERROR},
    "a 503 that names a time": {"reply": Reply(503, b"", headers={"Retry-After": "30"})},
    "a reset in mid-body": {"cut": "reset"},
    "a body shorter than named": {"cut": "short"},
    "a picture that breaks off without a length": {"cut": "short without length"},
    "a stalled body": {"cut": "stalled"},
    "a body in small pieces": {"cut": "slow"},
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_what_passes_is_waited_out(server, url, client, fault):
    server.faults.add("/1.jpg", **fault)
    assert client.picture(url) == BYTES


@pytest.mark.parametrize(
    ("fault", "slug"),
    [
        ({"reply": SERVER_ERROR}, "http_error"),
        ({"cut": "short"}, "truncated"),
        ({"cut": "short without length"}, "truncated"),
        ({"cut": "stalled"}, "timeout"),
    ],
)
def test_what_does_not_pass_is_a_row_after_four_attempts(server, url, client, fault, slug, fake_time):
    server.faults.add("/1.jpg", times=None, **fault)
    assert slug_of(lambda: client.picture(url)) == slug
    assert len(server.asked) == ATTEMPTS
    assert 1 + 2 + 4 <= sum(fake_time.slept) <= 1.5 * (1 + 2 + 4) + 1


@pytest.mark.parametrize(
    ("status", "of_a_picture", "of_a_listing"),
    [
        (400, "http_error", "server_error"),
        (401, "http_error", "login_required"),
        (403, "http_error", "soft_blocked"),
        (404, "http_404", "missing"),
        (410, "http_404", "missing"),
    ],
)
def test_nothing_is_retried_that_cannot_help(server, url, make_client, status, of_a_picture, of_a_listing):
    server.faults.add("/1.jpg", Reply(status, b""), times=None)
    assert slug_of(lambda: make_client().picture(url)) == of_a_picture
    assert slug_of(lambda: make_client().get(url)) == of_a_listing
    assert len(server.asked) == 2


def test_a_listing_forbidden_is_not_asked_again_for_a_while(server, url, client):
    server.faults.add("/1.jpg", Reply(403, b""))
    assert slug_of(lambda: client.get(url)) == "soft_blocked"
    assert slug_of(lambda: client.get(url)) == "soft_blocked"
    assert len(server.asked) == 1


def test_a_check_sees_every_answer_and_ends_the_request(server, url, client):
    def quota(answer):
        if b"Free API limit" in answer.body:
            raise SourceRefused("quota", "used up")

    server.faults.add("/1.jpg", Reply(500, b"Free API limit exceeded"))
    assert slug_of(lambda: client.get(url, check=quota)) == "quota"
    assert len(server.asked) == 1


def test_redirects_are_followed_each_in_its_turn(server, url, client):
    server.pages["/old"] = Reply(302, b"", headers={"Location": "/older"})
    server.pages["/older"] = Reply(301, b"", headers={"Location": url})
    answer = client.get(server.url + "/old")
    assert (answer.body, answer.url) == (BYTES, url)
    assert all(later - earlier >= 0.5 for earlier, later in itertools.pairwise(server.times()))


def test_a_ring_of_redirects_ends(server, client):
    server.pages["/a"] = Reply(302, b"", headers={"Location": "/a"})
    assert slug_of(lambda: client.picture(server.url + "/a")) == "http_error"
    assert len(server.asked) == 6


def test_secrets_stay_with_the_host_they_were_meant_for(server, client):
    with serving() as other:
        other.add("/x", b"x")
        server.pages["/away"] = Reply(302, b"", headers={"Location": other.url + "/x"})
        client.get(
            server.url + "/away", headers={"Cookie": "secret", "Authorization": "secret", "Accept": "a/b"}
        )
    assert server.asked[0].headers["Cookie"] == "secret"
    assert "secret" not in other.asked[0].headers.values()
    assert other.asked[0].headers["Accept"] == "a/b"


def test_a_private_address_gets_not_one_byte(server, url, client):
    with pytest.raises(PictureFault, match=r"unsafe_address: .*127\.0\.0\.1"):
        client.picture(url, public_only=True)
    assert server.asked == []


def test_a_redirect_does_not_lead_into_a_private_network(server, url, client, monkeypatch):
    monkeypatch.setattr(transport, "_is_public", lambda peer: str(peer) == "127.0.0.1")
    with serving(address="127.0.0.2") as inside:
        server.pages["/out"] = Reply(302, b"", headers={"Location": inside.add("/admin", b"x")})
        assert slug_of(lambda: client.picture(server.url + "/out", public_only=True)) == "unsafe_address"
        assert inside.asked == []
        assert client.picture(url, public_only=True) == BYTES


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        *(
            (private, False)
            for private in "10.1.2.3 127.0.0.1 169.254.169.254 100.64.0.1 0.0.0.0 224.0.0.1".split()
        ),
        *(
            (private, False)
            for private in "::1 fc00::1 fe80::1 ::ffff:10.0.0.1 2002:a00:1:: 64:ff9b::a00:1".split()
        ),
    ],
)
def test_private_addresses_are_known_in_every_dress(address, public):
    assert transport._is_public(ipaddress.ip_address(address)) is public


@pytest.mark.parametrize(
    "address", ["file:///etc/passwd", "ftp://host/x", "gopher://x", "http://", "no address"]
)
def test_only_the_web_is_asked(client, address):
    assert slug_of(lambda: client.picture(address)) == "unsafe_address"


@pytest.mark.parametrize("length", [True, False])
def test_a_body_over_the_limit_is_not_read(server, url, client, length):
    server.add("/big", bytes(2_000_000))
    if not length:
        server.faults.add("/big", cut="short without length")
    assert slug_of(lambda: client.picture(server.url + "/big", max_bytes=500_000)) == "too_large"
    assert len(server.asked) == 1


def test_a_body_that_drips_for_ever_is_given_up(server, url, make_client):
    server.add("/big", bytes(300_000))
    ticks = itertools.count(0, 10)
    client = make_client(clock=lambda: float(next(ticks)), timeouts=Timeouts(total_s=15))
    assert slug_of(lambda: client.picture(server.url + "/big")) == "timeout"


def test_a_host_that_cannot_be_reached_is_given_up_for_the_run(make_client, fake_time):
    with serving() as gone:
        url = gone.url
    client = make_client()
    lost = standing.LOST_HOST["network"]
    slugs = [slug_of(lambda: client.picture(url)) for _ in range(lost)]
    assert slugs == ["network"] * lost
    fake_time.slept.clear()
    with pytest.raises(SourceRefused):
        client.picture(url)
    assert fake_time.slept == []


def test_https_believes_only_who_is_vouched_for(make_client, tmp_path, fake_time):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with serving(tls=authority.issue_cert("127.0.0.1")) as site:
        url = site.add("/1.jpg", BYTES)
        assert make_client(ca_bundle=str(tmp_path / "ca.pem")).picture(url) == BYTES
        fake_time.slept.clear()
        assert slug_of(lambda: make_client().picture(url)) == "network"
        assert fake_time.slept == [], "a certificate does not become valid by asking again"


def test_ssl_cert_file_is_honoured(tmp_path, monkeypatch, make_client):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with serving(tls=authority.issue_cert("127.0.0.1")) as site:
        assert make_client().picture(site.add("/1.jpg", BYTES)) == BYTES


def test_the_user_agent_names_the_project(server, url, client):
    client.get(url)
    assert server.asked[0].headers["User-Agent"].startswith("impasto/")


def test_stop_ends_waits_and_bodies_at_once(server, url):
    server.faults.add("/1.jpg", cut="stalled", times=None)
    client = Client()
    with ThreadPoolExecutor(1) as pool:
        stuck = pool.submit(client.picture, url)
        while not server.asked:
            time.sleep(0.01)
        began = time.monotonic()
        client.stop()
        assert slug_of(stuck.result) == "interrupted"
        assert slug_of(lambda: client.picture(url)) == "interrupted"
    assert time.monotonic() - began < 5


def test_answers_with_other_threads_do_not_mix(server, client):
    urls = [server.add(f"/{number}.jpg", b"%d" % number * 1000) for number in range(40)]
    client.set_manners(host_of(urls[0]), Manners(picture_gap_s=0, parallel=8))
    barrier = threading.Barrier(8)
    with ThreadPoolExecutor(8, initializer=barrier.wait) as pool:
        assert list(pool.map(client.picture, urls)) == [b"%d" % number * 1000 for number in range(40)]


def test_retry_after_of_the_past_means_now(server, url, client):
    server.faults.add("/1.jpg", too_many("Wed, 31 Dec 2025 00:00:00 GMT"))
    assert client.picture(url) == BYTES
    assert server.times()[1] - server.times()[0] < 1

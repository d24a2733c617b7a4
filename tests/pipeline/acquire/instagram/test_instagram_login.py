"""Logging in: what is asked for is never kept, what is kept is for this user alone."""

from __future__ import annotations

import pickle
import sqlite3
import stat
from pathlib import Path

import pytest

from pipeline.acquire.instagram_login import login, login_from_browser
from pipeline.errors import ConfigError, SourceRefused
from tests.servers.faults import HTML_PAGE, Reply
from tests.servers.instagram_account import account

PASSWORD = "open sesame"
CHECKPOINT = Reply.json(
    {"checkpoint_url": "/challenge/1/", "message": "checkpoint_required", "status": "fail"}
)


@pytest.fixture
def site(world, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(world.ca))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(world.folder / "config"))
    world.site.password = PASSWORD
    world.site.accounts["kah__bane"] = account("kah__bane", 14)
    return world.site


def nobody_asks():
    raise AssertionError("asked for a code that nobody wants")


def test_a_login_leaves_a_session_that_scrapes_and_is_for_this_user_alone(world, site):
    path = login("reader", ask_password=lambda: PASSWORD, ask_code=nobody_asks)
    assert path == world.folder / "config" / "instaloader" / "session-reader"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert world.scrape(session="reader").fetched == 14
    assert site.count("post") == 0


def test_the_second_step_is_asked_for_until_it_is_right(site, world):
    site.code = "123456"
    codes = iter(["000000", " 123456\n"])
    path = login("reader", ask_password=lambda: PASSWORD, ask_code=lambda: next(codes))
    assert pickle.loads(path.read_bytes())["sessionid"]


@pytest.mark.parametrize(
    ("fault", "code", "slug"),
    [
        (None, "", "login_required"),
        (CHECKPOINT, "", "checkpoint"),
        (HTML_PAGE, "", "login_required"),
        (Reply.json({"status": "fail", "message": "Please wait a few minutes"}, 429), "", "login_required"),
        (None, "123456", "login_required"),
    ],
)
def test_a_login_that_fails_is_one_line_without_the_password_and_leaves_no_file(
    site, world, fault, code, slug
):
    site.code = code
    password = PASSWORD if code or fault else "wr0ng-secret"
    if fault:
        site.faults.add("login", fault)
    with pytest.raises(SourceRefused) as refused:
        login("reader", ask_password=lambda: password, ask_code=lambda: "999999")
    assert refused.value.slug == slug
    assert "\n" not in str(refused.value)
    assert password not in repr(refused.value)
    assert refused.value.__cause__ is None
    assert not list((world.folder / "config").rglob("*session*"))


def test_a_broken_connection_is_said_to_be_that(site):
    site.faults.add("login", cut="reset", times=None)
    with pytest.raises(SourceRefused) as refused:
        login("reader", ask_password=lambda: PASSWORD, ask_code=nobody_asks)
    assert refused.value.slug == "network"
    assert PASSWORD not in str(refused.value)


def test_no_secret_reaches_the_data_the_log_or_the_terminal(world, site, caplog, capfd):
    caplog.set_level(0)
    path = login("reader", ask_password=lambda: PASSWORD, ask_code=nobody_asks)
    world.site.faults.add("page", Reply(500, b"", "text/html"), times=3)
    world.scrape(session=str(path))
    cookies = pickle.loads(path.read_bytes())
    secrets = [PASSWORD, cookies["sessionid"], cookies["csrftoken"], "NAcP:dtsg", "AVqlsd"]
    output = capfd.readouterr()
    places = {file: file.read_bytes() for file in world.data.rglob("*") if file.is_file()}
    places |= {"log": caplog.text.encode(), "terminal": (output.out + output.err).encode()}
    assert len(places) > 14
    leaks = [
        (place, secret) for place, text in places.items() for secret in secrets if secret.encode() in text
    ]
    assert leaks == []


def test_a_session_file_that_others_may_read_is_refused_with_the_remedy(world, site):
    path = world.session()
    Path(path).chmod(0o640)
    with pytest.raises(ConfigError, match=f"chmod 600 {path}"):
        world.scrape(session=path)
    assert site.requests == []


@pytest.mark.parametrize(
    "content", [b"", b"not a pickle", pickle.dumps(["a", "list"]), pickle.dumps({"a": "b"})]
)
def test_a_file_that_is_no_session_is_the_users_mistake(world, site, content):
    path = world.session()
    Path(path).write_bytes(content)
    with pytest.raises(ConfigError, match=r"source\.session"):
        world.scrape(session=path)
    assert site.requests == []


def test_a_missing_session_says_how_to_make_one(world, site):
    with pytest.raises(ConfigError, match="impasto login instagram"):
        world.scrape(session="nobody")


def test_the_session_of_a_browser_can_be_taken_over(world, site, monkeypatch):
    monkeypatch.setenv("HOME", str(world.folder))
    profile = world.folder / ".mozilla" / "firefox" / "p"
    profile.mkdir(parents=True)
    (profile.parent / "profiles.ini").write_text("[Profile0]\nName=p\nIsRelative=1\nPath=p\nDefault=1\n")
    with sqlite3.connect(profile / "cookies.sqlite") as cookies:
        columns = "host, path, isSecure, expiry, name, value, isHttpOnly, originAttributes"
        cookies.execute(f"CREATE TABLE moz_cookies ({columns})")
        for name, value in {"sessionid": "77%3Afromfirefox", "ds_user_id": "77", "csrftoken": "t"}.items():
            row = (".instagram.com", "/", 1, 2_000_000_000, name, value, 1, "")
            cookies.execute("INSERT INTO moz_cookies VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
    user, path = login_from_browser("firefox")
    assert (user, stat.S_IMODE(path.stat().st_mode)) == ("reader", 0o600)
    assert world.scrape(session=user).fetched == 14


def test_a_browser_that_is_not_logged_in_says_so(world, site, monkeypatch):
    monkeypatch.setenv("HOME", str(world.folder))
    with pytest.raises(Exception, match="firefox") as refused:
        login_from_browser("firefox")
    assert refused.value.exit_code in {2, 3}
    with pytest.raises(ConfigError, match="need one of"):
        login_from_browser("netscape")

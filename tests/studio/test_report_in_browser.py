"""The report in a real Chromium, asked through its DevTools protocol."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.sync.client import connect

from studio.report import write_report
from tests.studio.page import Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (apt-get install chromium)"),
]


class Browser:
    """One page of a headless Chromium."""

    def __init__(self, profile: Path) -> None:
        options = "--headless --no-sandbox --disable-gpu --disable-background-networking --no-first-run"
        self._process = subprocess.Popen(
            [
                CHROMIUM,
                *options.split(),
                "--remote-debugging-port=0",
                f"--user-data-dir={profile}",
                "about:blank",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        port = self._wait_for(profile / "DevToolsActivePort").split()[0]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json") as answer:
            [page] = [it for it in json.load(answer) if it["type"] == "page"]
        self._socket = connect(page["webSocketDebuggerUrl"], max_size=None)
        self._numbers = itertools.count(1)
        self.events: list[dict] = []

    def _wait_for(self, file: Path) -> str:
        for _ in range(300):
            if file.exists() and (text := file.read_text()).count("\n"):
                return text
            time.sleep(0.1)
        raise TimeoutError(file)

    def ask(self, method: str, **parameters: object) -> dict:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while (answer := json.loads(self._socket.recv(timeout=60))).get("id") != number:
            self.events.append(answer)
        assert "error" not in answer, answer
        return answer["result"]

    def value(self, script: str) -> object:
        """What a script gives, promises awaited; the page's own content policy does not bind it."""
        result = self.ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def open(self, page: Path) -> None:
        for domain in ("Network", "Page", "Log", "Runtime"):
            self.ask(f"{domain}.enable")
        self.ask("Page.navigate", url=page.as_uri())
        ready = f"document.readyState == 'complete' && location.href == '{page.as_uri()}'"
        while not self.value(ready):
            time.sleep(0.1)

    def close(self) -> None:
        self._socket.close()
        self._process.terminate()
        self._process.wait()


@pytest.fixture
def browser(tmp_path) -> Iterator[Browser]:
    opened = Browser(tmp_path / "profile")
    yield opened
    opened.close()


def test_the_page_is_whole_in_a_browser_and_asks_nobody(finished, browser):
    page = write_report(*finished)
    browser.open(page)
    pictures = browser.value(
        """Promise.all([...document.images].map(async it => {
               it.loading = 'eager'; await it.decode(); return it.naturalWidth;
           }))"""
    )
    assert len(pictures) == len(Page(page.read_text()).all("img")) > 30
    assert min(pictures) > 0
    requests = [event["params"]["request"]["url"] for event in browser.events if _is_request(event)]
    assert [url[:5] for url in requests if not url.startswith("data:")] == ["file:"]
    complaints = [
        event for event in browser.events if event["method"] in ("Log.entryAdded", "Runtime.exceptionThrown")
    ]
    assert complaints == []


def _is_request(event: dict) -> bool:
    return event["method"] == "Network.requestWillBeSent"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_the_page_fits_every_screen(finished, browser, width, scheme):
    run, data = finished
    browser.ask(
        "Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=True
    )
    preference = {"name": "prefers-color-scheme", "value": scheme}
    browser.ask("Emulation.setEmulatedMedia", features=[preference])
    browser.open(write_report(run, data))
    assert browser.value("document.documentElement.scrollWidth") == width
    red = browser.value("getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0]")
    assert (int(red) > 128) == (scheme == "light")

"""The whole way of a user: the commands, their exit codes, and what nobody gets to see."""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.servers import faults
from tests.servers.instagram_account import account

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

# Python reads it at its start: the command's own process looks up Instagram's names on this machine.
SITE = """
import os
from tests.servers.instagram import redirected
held = redirected(int(os.environ["INSTAGRAM_PORT"]))
held.__enter__()
"""
ROOT = Path(__file__).parents[4]


class Impasto:
    """The command as a user's shell runs it; remembers what it showed to the terminal and to `ps`."""

    def __init__(self, world):
        (world.folder / "sitecustomize.py").write_text(SITE)
        self.shown = world.folder / "shown"
        self.arguments = set()
        self.environment = os.environ | {
            "PYTHONPATH": f"{world.folder}:{ROOT}",
            "INSTAGRAM_PORT": str(world.port),
            "IMPASTO_PACE": "0",
            "IMPASTO_DATA": str(world.data),
            "REQUESTS_CA_BUNDLE": str(world.ca),
            "PREFECT_HOME": str(world.folder / "prefect"),
            "XDG_CONFIG_HOME": str(world.folder / "config"),
        }

    def run(self, *words, typed=""):
        """Gives the exit code; `typed` is what the user types (there is no terminal)."""
        typing = self.shown.with_name("typed")
        typing.write_text(typed)
        with self.shown.open("a") as shown, typing.open() as keys:
            process = subprocess.Popen(
                [sys.executable, "-m", "flows", *words],
                env=self.environment,
                stdin=keys,
                stdout=shown,
                stderr=shown,
                start_new_session=True,
            )
            while process.poll() is None:
                self.arguments |= command_lines()
                time.sleep(0.1)
        return process.returncode


def command_lines():
    lines = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            lines.add(path.read_bytes())
    return lines


@pytest.fixture
def impasto(world):
    world.site.accounts["kah__bane"] = account("kah__bane", 14)
    return Impasto(world)


def test_a_scrape_ends_with_0_and_a_second_one_asks_for_nothing(world, impasto):
    assert impasto.run("scrape", "--instagram", "kah__bane", "--limit", "13") == 0
    assert len(world.rows()) == 13
    world.site.requests.clear()
    assert impasto.run("scrape", "--instagram", "kah__bane", "--limit", "13") == 0
    assert world.site.count("picture", "post") == 0


def test_a_refusal_ends_with_3_and_one_line_and_a_later_run_with_everything(world, impasto):
    world.site.faults.add("post", faults.WAIT_A_FEW_MINUTES, skip=5)
    assert impasto.run("scrape", "--instagram", "kah__bane") == 3
    said = impasto.shown.read_text()
    assert "Traceback" not in said
    assert "stay away" in said.splitlines()[-1]
    assert [row.status for row in world.rows().values()] == ["fetched"] * 5
    asked = len(world.site.requests)
    assert impasto.run("scrape", "--instagram", "kah__bane") == 3
    assert len(world.site.requests) == asked, "asked while it was to stay away"

    assert impasto.run("scrape", "--instagram", "kah__bane", "--force") == 0
    assert [row.status for row in world.rows().values()] == ["fetched"] * 14


def test_nobody_gets_to_see_a_secret(world, impasto):
    world.site.code = "code-of-step-2"
    assert impasto.run("login", "instagram", "reader", typed="open sesame\ncode-of-step-2\n") == 0
    session = world.folder / "config" / "instaloader" / "session-reader"
    impasto.shown.with_name("typed").unlink()
    scrape = ("scrape", "--instagram", "kah__bane", "--set", "source.session=reader")
    assert impasto.run(*scrape) == 0
    assert world.site.count("page") > 0, "the session was not used"
    world.site.faults.add("page", faults.LOGIN_REDIRECT, times=None)
    world.site.accounts["kah__bane"].posts.append(account("kah__bane", 15).posts[14])
    assert impasto.run(*scrape) == 3

    cookies = pickle.loads(session.read_bytes())
    secrets = ["open sesame", "code-of-step-2", cookies["sessionid"], cookies["csrftoken"], "NAcP:dtsg"]
    places = {
        path: path.read_bytes() for path in world.folder.rglob("*") if path.is_file() and path != session
    }
    assert any("prefect" in path.parts for path in places)
    places["arguments"] = b"\n".join(impasto.arguments)
    assert b"source.session=reader" in places["arguments"]
    leaks = [
        (place, secret) for place, text in places.items() for secret in secrets if secret.encode() in text
    ]
    assert leaks == []

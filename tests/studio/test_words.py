"""Every slug has a sentence; numbers and addresses read as a person expects."""

from __future__ import annotations

import pytest

from pipeline.records import LISTING_REASONS, PICTURE_REASONS, REJECT_REASONS
from studio import words


def test_every_reason_has_words():
    assert set(words.REASONS) == PICTURE_REASONS | LISTING_REASONS | REJECT_REASONS


def test_a_reason_nobody_knows_is_shown_as_it_stands():
    assert words.meaning("eaten_by_dog") == "eaten by dog"


@pytest.mark.parametrize(
    ("seconds", "told"), [(0.4, "0 s"), (48, "48 s"), (242, "4 min 2 s"), (12_000, "3 h 20 min")]
)
def test_durations(seconds, told):
    assert words.duration(seconds) == told


@pytest.mark.parametrize("text", ["https://x.example/a?b=c#d", "http://x.example:8080/%20"])
def test_web_addresses_become_links(text):
    assert words.web_address(text) == text


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        " https://x.example",
        'https://x.example/" onclick="x',
        "https://x.example/\nx",
        "//x.example",
        "http://gallery.localhost/1.jpg",
        "https://[broken",
    ],
)
def test_nothing_else_becomes_a_link(text):
    assert words.web_address(text) is None

"""What the slugs of the manifests mean, in words for a reader who has never seen one."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

REASONS = {
    # one picture could not be fetched
    "not_an_image": "what arrived was not a picture (a web page, text, or nothing)",
    "unreadable": "the file could not be opened",
    "truncated": "the file broke off before its end",
    "http_404": "the picture is no longer there",
    "http_error": "the server answered with an error",
    "too_large": "more pixels or bytes than the limit allows",
    "video": "a video, not a picture",
    "timeout": "the server took too long",
    "network": "the connection failed",
    "expired": "the address had run out",
    "locked_frame": "the site shows only a placeholder for it",
    "opted_out": "the site asks not to use it for training",
    "unsafe_path": "the name leads out of its folder",
    "unsafe_address": "the address leads into a private network",
    "interrupted": "the run was stopped before its turn came",
    # a whole listing ended early
    "rate_limited": "the site asked us to slow down",
    "soft_blocked": "the site asked us to come back later",
    "login_required": "the site shows it only after a login",
    "checkpoint": "the site wants a person to confirm the account",
    "private": "the account is private",
    "missing": "the account or collection does not exist",
    "quota": "the site's daily allowance is used up",
    "server_error": "the server failed",
    # curation left it out
    "undecodable": "the file could not be read as a picture",
    "too_small": "too few pixels in the picture or in the face",
    "no_face": "no face was found",
    "duplicate": "the very same file as one that was kept",
    "near_duplicate": "nearly the same picture as one that was kept",
    "blurry": "too blurred",
    "dark": "too dark",
    "bright": "too bright",
    "flat": "too little contrast",
    "colorless": "too little colour",
    "dropped_in_review": "a person took it out",
}
LICENCES = {  # where the text of a licence stands, by its SPDX name
    "CC-BY-4.0": "https://creativecommons.org/licenses/by/4.0/",
    "CC-BY-SA-4.0": "https://creativecommons.org/licenses/by-sa/4.0/",
    "CC0-1.0": "https://creativecommons.org/publicdomain/zero/1.0/",
}


def meaning(slug: str) -> str:
    """A slug of records.*_REASONS as half a sentence; an unknown one as it stands."""
    return REASONS.get(slug, slug.replace("_", " "))


def count(number: int, noun: str, plural: str | None = None) -> str:
    """`1 picture`, `1,234 pictures`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def figure(value: object) -> str:
    """A number for a table: `12,800`, `0.693`; a missing one is an en dash."""
    if value is None:
        return "\N{EN DASH}"
    return (
        f"{value:,}" if isinstance(value, int) else f"{value:.4g}" if isinstance(value, float) else str(value)
    )


def duration(seconds: float) -> str:
    """`48 s`, `4 min 2 s`, `3 h 20 min`."""
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def web_address(text: str | None) -> str | None:
    """`text` where a reader may follow it: http and https only, and nothing that lived only during a run."""
    if not text or not re.fullmatch(r"https?://[^\s\"'<>]+", text):
        return None
    try:
        host = urlsplit(text).hostname or ""
    except ValueError:
        return None
    return None if host == "localhost" or host.endswith(".localhost") else text

"""Web addresses as they are sent, so that one address has one spelling in the manifests."""

from __future__ import annotations

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url


def is_web(text: str) -> bool:
    return text[:8].lower().startswith(("http://", "https://"))


def spelled(text: str) -> str:
    """`text` percent-encoded, host in lower case, without fragment; what is no web address stays as it is."""
    text = text.strip().encode("utf-8", "replace").decode()
    if not is_web(text):
        return text
    try:
        return parse_url(text)._replace(fragment=None).url
    except LocationParseError:
        return text

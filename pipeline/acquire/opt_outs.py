"""Whether the owner of a picture asks not to have it used: the X-Robots-Tag header of its answer.

    X-Robots-Tag: noai, noindex           to everybody
    X-Robots-Tag: googlebot: noindex      to somebody else
    X-Robots-Tag: impasto: noai           to us

After a name, directives are for that bot up to the next name. Sources: developers.google.com/search/docs
(names, noindex, none), the noai and noimageai of DeviantArt.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

_OUR_NAMES = frozenset({"", "*", "impasto"})  # without a name everybody is meant
_NO = frozenset({"noai", "noimageai", "noindex", "noimageindex", "none"})
_WITH_VALUE = frozenset({"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"})
_NAMED = re.compile(r"([^\s:]+)\s*:\s*(.*)", re.DOTALL)


def opt_out(headers: Mapping[str, str]) -> str | None:
    """The directive that tells us to leave the picture alone; None where there is none."""
    tags = (tag for name, tag in headers.items() if name.lower() == "x-robots-tag")
    found = (directive for tag in tags for directive in _for_us(tag) if directive in _NO)
    return next(found, None)


def _for_us(tag: str) -> Iterator[str]:
    bot = ""
    for part in tag.lower().split(","):
        directive = part.strip()
        named = _NAMED.fullmatch(directive)
        if named and named[1] not in _WITH_VALUE:
            bot, directive = named[1], named[2].strip()
        if bot in _OUR_NAMES:
            yield directive

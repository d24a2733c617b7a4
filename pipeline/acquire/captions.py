"""What people write under pictures, as one line that any file can hold."""

from __future__ import annotations

import unicodedata

TITLE_LENGTH = 200  # characters


def one_line(text: str | None) -> str | None:
    """The first TITLE_LENGTH characters, without controls and lone surrogates; None where nothing is left."""
    spaced = "".join(" " if char.isspace() else char for char in text or "")
    kept = "".join(char for char in spaced if unicodedata.category(char) not in {"Cc", "Cs"})
    return " ".join(kept.split())[:TITLE_LENGTH].rstrip() or None

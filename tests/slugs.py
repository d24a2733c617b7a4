"""Why nothing came of a request."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pipeline.errors import PictureFault, SourceRefused


def slug_of(ask: Callable[[], object]) -> str:
    with pytest.raises((PictureFault, SourceRefused)) as caught:
        ask()
    return caught.value.slug

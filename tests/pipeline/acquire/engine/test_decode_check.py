"""A picture counts only when its bytes decode."""

from __future__ import annotations

import io
import struct
import warnings
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline import heic
from pipeline.acquire.decode_check import MAX_BYTES, inspect
from pipeline.errors import PictureFault

heic.register()  # to write one

pytestmark = pytest.mark.filterwarnings(
    "ignore::UserWarning:PIL", "ignore::PIL.Image.DecompressionBombWarning"
)

SAVED = {
    "jpeg": ("JPEG", {}),
    "progressive jpeg": ("JPEG", {"progressive": True}),
    "png": ("PNG", {}),
    "webp": ("WEBP", {}),
    "gif": ("GIF", {}),
    "bmp": ("BMP", {}),
    "tiff": ("TIFF", {"compression": "tiff_lzw"}),
    "avif": ("AVIF", {}),
    "heif": ("HEIF", {}),
}


def drawn(kind: str) -> bytes:
    name, options = SAVED[kind]
    noise = Image.effect_noise((90, 60), 80).convert("RGB")
    content = io.BytesIO()
    noise.save(content, name, **options)
    return content.getvalue()


def slug_of(content: bytes) -> str:
    with pytest.raises(PictureFault) as caught:
        inspect(content)
    return caught.value.slug


@pytest.mark.parametrize("kind", SAVED)
def test_a_whole_picture_counts(kind):
    shape = inspect(drawn(kind))
    assert (shape.width, shape.height) == (90, 60)
    assert shape.format == kind.split()[-1]


@pytest.mark.parametrize("kind", SAVED)
def test_a_picture_that_breaks_off_does_not_count_wherever_it_does(kind):
    content = drawn(kind)
    last = len(content) - 40  # a checksum behind the last pixel may be missing
    cuts = {12, 40, last, *range(60, last, len(content) // 40)}
    assert {slug_of(content[:cut]) for cut in cuts} == {"truncated"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"  <!DOCTYPE html><html><body>Log in</body></html>", "HTML"),
        (b"just some text", "begins with b'just some text'"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "begins with"),
        (b"\0\0\0\x18ftypmp42" + bytes(100), "ISO media file .mp42"),
    ],
)
def test_what_is_no_picture_says_what_it_looks_like(content, words):
    with pytest.raises(PictureFault, match=f"not_an_image: .*{words}"):
        inspect(content)


def test_a_bomb_is_known_by_its_header():
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    for side in (10_001, 30_000):
        header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
        bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(9)))
        assert slug_of(bomb) == "too_large"


def test_too_many_bytes_are_not_even_looked_at():
    assert slug_of(bytes(MAX_BYTES + 1)) == "too_large"


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damage_gives_a_reason_never_a_crash(data):
    content = bytearray(DAMAGED[data.draw(st.sampled_from(sorted(DAMAGED)))])
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            inspect(bytes(content))
        except PictureFault as fault:
            assert fault.slug in {"truncated", "not_an_image", "too_large"}  # noqa: PT017 (it need not fail)


DAMAGED = {kind: drawn(kind) for kind in SAVED}

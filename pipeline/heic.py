"""HEIC, which telephones write: Pillow opens it once it was told how."""

from __future__ import annotations

import functools


@functools.cache
def register() -> None:
    """Teach Pillow, in this process. The picture itself is always decoded, never the thumbnail in its file.

    libheif refuses by itself what decodes to more pixels than the file's header says.
    """
    import pillow_heif

    # One thread each: pictures are decoded side by side already.
    pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False, decode_threads=1)

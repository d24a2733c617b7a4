"""A wrong key says which, what it was, what is allowed and what to do."""

from __future__ import annotations

import pytest

from pipeline.curate.config import CurateConfig
from pipeline.errors import ConfigError


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("size", 65, "curate.size = 65: need a power of two from 16 to 512, e.g. 64"),
        ("size", 1024, "power of two from 16 to 512"),
        ("crop", "square", "curate.crop = 'square': need one of face, center, pad"),
        ("faces", "some", "need one of largest, all"),
        ("detector", "haar", "need one of yunet, face-recognition, face-recognition-cnn"),
        ("dedupe", "none", "need one of near, exact, off"),
        ("format", "gif", "need one of png, webp, jpeg"),
        ("margin", -0.1, "need 0 to 4"),
        ("margin", float("nan"), "need 0 to 4"),
        ("min_side", 0, "need 1 to"),
        ("min_sharpness", -1.0, "0 to keep all"),
        ("min_brightness", 1.5, "need 0 to 1"),
        ("min_pictures", 0, "need 1 to"),
        ("workers", -1, "0 for one per core"),
        ("channels", 4, "need 3 (RGB) or 1 (grey)"),
    ],
)
def test_a_wrong_value_names_key_rule_and_remedy(key, value, said):
    with pytest.raises(ConfigError) as error:
        CurateConfig(**{key: value})
    assert said in str(error.value)
    assert str(error.value).startswith(f"curate.{key} = ")
    assert error.value.exit_code == 2


def test_zero_workers_means_one_per_core():
    assert CurateConfig().processes >= 1
    assert CurateConfig(workers=3).processes == 3

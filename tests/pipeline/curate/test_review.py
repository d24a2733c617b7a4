"""A person's decisions hold against every rule, survive every curation, and can be taken back."""

from __future__ import annotations

import dataclasses
import shutil

import pytest

from pipeline.curate import review
from pipeline.errors import ConfigError, MissingInput
from tests.pipeline.curate.conftest import CENTER, copied, drawn, encoded, run

SHARP = dataclasses.replace(CENTER, min_sharpness=1e6)


def fates(raw) -> list[tuple[str, str | None, str | None]]:
    return [(row.status, row.reason, row.override) for row in raw.processed()]


@pytest.fixture
def three(raw):
    """Two pictures and a smaller copy of the first."""
    first = drawn(1)
    raw.add(encoded(first), encoded(drawn(2)), copied(first))
    run(raw)
    assert [row.reason for row in raw.processed()] == [None, None, "near_duplicate"]
    return raw


def test_a_dropped_picture_goes_with_its_copies_and_comes_back_under_its_number(three):
    before = three.processed()
    assert review.decide(three.data, "n", ["1"], "drop") == [before[0].image_id]
    run(three)
    assert fates(three) == [
        ("rejected", "dropped_in_review", "drop"),
        ("kept", None, None),
        ("rejected", "dropped_in_review", None),
    ]
    review.decide(three.data, "n", [before[0].image_id[:8]], None)
    run(three)
    assert three.processed() == before


def test_a_kept_picture_is_kept_whatever_rule_it_breaks(three):
    third = three.processed()[2]
    review.decide(three.data, "n", [third.image_id], "keep")
    run(three, SHARP)
    assert fates(three) == [
        ("rejected", "blurry", None),
        ("rejected", "blurry", None),
        ("kept", None, "keep"),
    ]
    run(three, dataclasses.replace(CENTER, size=512))
    assert [row.status for row in three.processed()] == ["rejected", "rejected", "kept"]


def test_a_copy_that_is_kept_stands_beside_its_original(three):
    review.decide(three.data, "n", [three.processed()[2].image_id], "keep")
    run(three)
    assert [row.status for row in three.processed()] == ["kept"] * 3


def test_decisions_survive_the_cache_and_a_curation_by_force(three):
    review.decide(three.data, "n", ["2"], "drop")
    shutil.rmtree(three.data / "cache")
    run(three, force=True)
    assert fates(three)[1] == ("rejected", "dropped_in_review", "drop")


def test_what_nobody_can_mean_is_a_mistake(three):
    for image, said in (("77", "is no picture"), ("00000000", "is no picture"), ("nobody", "is no picture")):
        with pytest.raises(ConfigError, match=said):
            review.decide(three.data, "n", [image], "drop")
    with pytest.raises(ConfigError, match="nothing was decided on it"):
        review.decide(three.data, "n", ["1"], None)
    with pytest.raises(MissingInput, match="no such dataset"):
        review.decide(three.data, "other", ["1"], "drop")
    assert review.overrides(three.data, "n") == {}

"""What is held out stays held out, and nothing like it is trained on."""

from __future__ import annotations

import dataclasses
import random

from hypothesis import given
from hypothesis import strategies as st

from pipeline.curate.choose import choose
from pipeline.curate.config import CurateConfig
from pipeline.curate.duplicates import Likeness
from pipeline.curate.numbers import Numbers
from pipeline.records import ProcessedRow
from tests.pipeline.curate.test_choose import known, picture

CONFIG = CurateConfig(crop="center", holdout=0.3, dedupe="off")


def rows(
    names: list[str], pairs: list[tuple[str, str]], numbers: Numbers | None = None
) -> list[ProcessedRow]:
    facts = {name: known(name) for name in names}
    likenesses = [Likeness(one, other) for one, other in pairs]
    return choose(CONFIG, [picture(name) for name in names], facts, likenesses, numbers or Numbers())


def sides(found: list[ProcessedRow]) -> dict[str, str | None]:
    return {row.image_id: row.split for row in found}


def test_about_the_asked_share_is_held_out():
    found = sides(rows([f"p{number}" for number in range(1000)], []))
    assert 0.25 < sum(side == "test" for side in found.values()) / 1000 < 0.35
    assert set(found.values()) == {"train", "test"}


@given(st.integers(0, 2**32))
def test_pictures_that_are_alike_over_any_steps_go_the_same_way(seed):
    dice = random.Random(seed)
    names = [f"{seed}-{number}" for number in range(30)]
    pairs = [(names[at], names[dice.randrange(at)]) for at in range(1, 30) if dice.random() < 0.6]
    found = sides(rows(names, pairs))
    assert all(found[one] == found[other] for one, other in pairs)


@given(st.integers(0, 2**32))
def test_additions_leave_what_is_there_where_it_is(seed):
    """New pictures, also such as are like old ones, and larger."""
    dice = random.Random(seed)
    old = [f"{seed}-{number}" for number in range(20)]
    new = [f"{seed}-new-{number}" for number in range(10)]
    numbers = Numbers()
    before = sides(rows(old, [], numbers))
    pairs = [(name, dice.choice(old)) for name in new if dice.random() < 0.7]
    after = sides(rows([*old, *new], pairs, numbers))
    assert {name: after[name] for name in old} == before
    assert all(after[one] == after[other] for one, other in pairs)


def test_without_a_holdout_all_that_is_kept_is_trained_on():
    plain = dataclasses.replace(CONFIG, holdout=0.0)
    [row] = choose(plain, [picture("a")], {"a": known("a")}, [], Numbers())
    assert (row.status, row.split) == ("kept", "train")

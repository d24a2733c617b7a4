"""What was found out is found again, by every recipe, whatever was killed between."""

from __future__ import annotations

import pytest

from pipeline.curate import duplicates, quality, shelf
from pipeline.curate.duplicates import Likeness
from pipeline.curate.facts import FaceFacts, PictureFacts, Thumb


def facts(*names: str) -> list[PictureFacts]:
    return [PictureFacts(name, None, 10, 20, 2**63 + 1, 1.5, 0.5) for name in names]


def test_facts_are_read_as_they_were_added(tmp_path):
    faces = [
        FaceFacts("a", 0, 1, 2, 3, 4, 0.9, [float(at) for at in range(10)]),
        FaceFacts("a", 1, 5, 6, 7, 8),
    ]
    shelf.faces(tmp_path, "yunet").add([*faces, FaceFacts("b", None)])
    shelf.pictures(tmp_path).add(facts("a", "b"))
    shelf.pictures(tmp_path).add([PictureFacts("c", "undecodable")])
    shelf.thumbs(tmp_path).add([Thumb("a", b"\0\xff")])
    assert shelf.faces(tmp_path, "yunet").read(["a", "b"]) == {"a": faces, "b": [FaceFacts("b", None)]}
    assert shelf.faces(tmp_path, "face-recognition").read(["a"]) == {}
    assert shelf.pictures(tmp_path).read({"a", "c", "z"}) == {
        "a": facts("a"),
        "c": [PictureFacts("c", "undecodable")],
    }
    assert shelf.thumbs(tmp_path).read(["a"]) == {"a": [Thumb("a", b"\0\xff")]}


def test_many_shards_are_merged_and_nothing_is_lost_or_doubled(tmp_path):
    for number in range(100):
        shelf.pictures(tmp_path).add(facts(f"{number}"))
        shelf.faces(tmp_path, "yunet").add([FaceFacts(f"{number}", 0), FaceFacts(f"{number}", 1)])
        if number % 10 == 0:
            shelf.tidy(tmp_path)
    names = [str(number) for number in range(100)]
    assert shelf.pictures(tmp_path).read(names) == {name: facts(name) for name in names}
    found = shelf.faces(tmp_path, "yunet").read(names)
    assert all(found[name] == [FaceFacts(name, 0), FaceFacts(name, 1)] for name in names)
    assert len(list(tmp_path.rglob("*.parquet"))) < 2 * 50


def test_a_merge_killed_before_it_removed_what_it_merged_doubles_nothing(tmp_path, monkeypatch):
    for number in range(40):
        shelf.faces(tmp_path, "yunet").add([FaceFacts(f"{number}", 0), FaceFacts(f"{number}", 1)])

    def killed(path):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(type(tmp_path), "unlink", killed)
        with pytest.raises(KeyboardInterrupt):
            shelf.tidy(tmp_path)
    assert len(list(tmp_path.rglob("*.parquet"))) == 41
    assert shelf.faces(tmp_path, "yunet").read(["7"]) == {"7": [FaceFacts("7", 0), FaceFacts("7", 1)]}


def test_the_forgotten_are_gone_from_every_shard(tmp_path):
    for _ in range(2):
        shelf.pictures(tmp_path).add(facts("a", "b"))
    shelf.thumbs(tmp_path).add([Thumb("a", b"pixels of a")])
    shelf.forget(tmp_path, ["a"])
    assert shelf.pictures(tmp_path).read(["a", "b"]) == {"b": facts("b")}
    assert shelf.thumbs(tmp_path).read(["a"]) == {}
    assert not any(b"pixels of a" in path.read_bytes() for path in tmp_path.rglob("*.parquet"))


def test_likenesses_are_kept_by_dataset(tmp_path):
    rows = [Likeness("a", None), Likeness("b", None), Likeness("a", "b")]
    shelf.write_likenesses(tmp_path, "cats", rows)
    assert shelf.likenesses(tmp_path, "cats") == rows
    assert shelf.likenesses(tmp_path, "dogs") == []


@pytest.mark.parametrize("stage", [quality, duplicates])
def test_likenesses_count_as_long_as_what_found_them(tmp_path, monkeypatch, stage):
    known = [Likeness("a", None), Likeness("b", None), Likeness("a", "b", True)]
    shelf.write_likenesses(tmp_path, "n", known)
    assert shelf.likenesses(tmp_path, "n") == known
    monkeypatch.setattr(stage, "VERSION", stage.VERSION + 1)
    assert shelf.likenesses(tmp_path, "n") == []

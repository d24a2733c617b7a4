"""What a process finds out about a shard of pictures, whatever lies beside them."""

from __future__ import annotations

import dataclasses
import weakref

import numpy as np
import pytest
from PIL import Image

from pipeline.curate import decode
from pipeline.curate.look import Job, look
from pipeline.errors import MissingInput
from tests.pipeline.curate.conftest import CENTER, drawn, encoded, face_photo

FACE = dataclasses.replace(CENTER, crop="face", no_face="center")


@pytest.fixture
def jobs(tmp_path):
    """Good and bad ones in turn, more than a handful."""
    contents = [encoded(drawn(seed, (300, 200 + seed)), ("JPEG", "PNG")[seed % 2]) for seed in range(20)]
    contents[3] = contents[3][: len(contents[3]) // 2]  # found out when it is decoded
    contents[7] = b"<html>not a picture</html>"
    contents[12] = face_photo().read_bytes()
    contents[15] = encoded(Image.new("1", (12_000, 12_000)), "PNG")  # claims too many pixels
    contents[16] = b""
    return [job(tmp_path, f"{at:02d}", content) for at, content in enumerate(contents)]


def job(folder, name, content):
    (folder / name).write_bytes(content)
    return Job(name, name, None, None)


@pytest.mark.parametrize("config", [CENTER, FACE])
def test_pictures_of_a_shard_do_not_touch_each_other(tmp_path, jobs, config):
    together = look(jobs, config, tmp_path, tmp_path / "together")
    alone = [seen for one in jobs for seen in look([one], config, tmp_path, tmp_path / "alone")]
    assert together == alone
    reasons = {at: seen.facts.reason for at, seen in enumerate(together) if seen.facts.reason}
    assert reasons == {3: "undecodable", 7: "undecodable", 15: "too_large", 16: "undecodable"}
    assert cuts(tmp_path / "together") == cuts(tmp_path / "alone")
    assert len(cuts(tmp_path / "together")) == len(jobs) - len(reasons)
    if config.crop == "face":
        assert together[12].faces


def cuts(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_only_what_is_not_known_is_told(tmp_path, jobs):
    jobs = [one for at, one in enumerate(jobs) if at not in (3, 7, 15, 16)]
    every = look(jobs, FACE, tmp_path, tmp_path / "every")
    for facts, faces in ((True, False), (False, True), (True, True)):
        known = [
            dataclasses.replace(one, facts=seen.facts if facts else None, faces=seen.faces if faces else None)
            for one, seen in zip(jobs, every, strict=True)
        ]
        told = look(known, FACE, tmp_path, tmp_path / f"{facts}-{faces}")
        assert [one.facts for one in told] == [None if facts else one.facts for one in every]
        assert [one.thumb for one in told] == [None if facts else one.thumb for one in every]
        assert [one.faces for one in told] == [None if faces else one.faces for one in every]
        assert cuts(tmp_path / f"{facts}-{faces}") == cuts(tmp_path / "every")


def test_what_is_only_to_be_cut_is_decoded_once(tmp_path, monkeypatch):
    one = job(tmp_path, "large", encoded(drawn(1, (1600, 1200)), "PNG"))
    [seen] = look([one], CENTER, tmp_path, tmp_path / "small")
    decoded = []
    rgb = decode._rgb
    monkeypatch.setattr(decode, "_rgb", lambda image, divisor: decoded.append(divisor) or rgb(image, divisor))
    known = dataclasses.replace(one, facts=seen.facts)
    look([known], dataclasses.replace(CENTER, size=512), tmp_path, tmp_path / "large-squares")
    assert decoded == [2]


def test_a_picture_that_is_gone_ends_the_shard(tmp_path, jobs):
    (tmp_path / jobs[5].path).unlink()
    with pytest.raises(MissingInput, match="05"):
        look(jobs, CENTER, tmp_path, tmp_path / "squares")


def test_one_picture_at_a_time_is_in_memory_at_its_full_size(tmp_path, monkeypatch):
    jobs = [job(tmp_path, f"{at}", encoded(drawn(at, (1000, 900)), "PNG")) for at in range(5)]
    decoded, gone, alive = [], [], []
    rgb = decode._rgb

    def watched(image, divisor):
        picture = rgb(image, divisor)
        if picture.width == 1000:
            decoded.append(1)
            weakref.finalize(picture, gone.append, 1)
            alive.append(len(decoded) - len(gone))
        return picture

    monkeypatch.setattr(decode, "_rgb", watched)
    look(jobs, dataclasses.replace(CENTER, size=512), tmp_path, tmp_path / "squares")
    assert alive == [1] * len(jobs)


def test_heavy_pictures_are_opened_few_at_a_time(tmp_path, monkeypatch):
    noise = np.random.default_rng(0).integers(0, 256, (1300, 1300, 3), np.uint8)  # which no PNG makes smaller
    jobs = [job(tmp_path, f"{at}", encoded(Image.fromarray(noise), "PNG")) for at in range(12)]
    opened, closed = [], []
    read = decode.Pixels.__init__

    def watched(pixels, path):
        read(pixels, path)
        opened.append(pixels.weight_bytes)
        weakref.finalize(pixels, closed.append, pixels.weight_bytes)
        assert sum(opened) - sum(closed) <= 64_000_000 + pixels.weight_bytes

    monkeypatch.setattr(decode.Pixels, "__init__", watched)
    seen = look(jobs, CENTER, tmp_path, tmp_path / "squares")
    assert all(one.facts.reason is None for one in seen)
    assert len(opened) == 12

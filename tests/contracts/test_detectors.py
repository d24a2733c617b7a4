"""What every detector must keep, and what `yunet` finds in real pictures."""

from __future__ import annotations

import io
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.curate.config import CurateConfig
from pipeline.curate.decode import Pixels
from pipeline.curate.faces import DETECTORS, Face, detector
from pipeline.curate.yunet import Yunet
from pipeline.errors import ConfigError, PictureFault
from tests.pipeline.curate.conftest import drawn, encoded, face_photo

SLOW = {"face-recognition-cnn"}  # seconds a picture: meets the first promise only, and with the slow tests
QUICK = sorted(DETECTORS.keys() - SLOW)
EVERY = [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)]
# Of the portrait, 512 by 606 px, by eye: from hat to chin and from ear to ear, and how far a box may be off.
FACE, ROOM = (172, 132, 358, 334), 30


@pytest.fixture
def pixels(tmp_path):
    def opened(content: bytes) -> Pixels:
        path = tmp_path / "picture"
        path.write_bytes(content)
        return Pixels(path)

    return opened


def test_the_recipe_offers_every_detector():
    offered = {
        CurateConfig(detector=name.removesuffix("-level"), align="-level" in name) for name in DETECTORS
    }
    assert {config.looks for config in offered} == set(DETECTORS)


def test_level_eyes_are_for_the_detector_that_knows_the_tilt():
    with pytest.raises(ConfigError, match='needs detector = "yunet"'):
        CurateConfig(align=True, detector="face-recognition")


@pytest.mark.parametrize("name", EVERY)
def test_a_broken_picture_stays_broken_for_the_rest_of_the_process(name):
    code = (
        "from PIL import ImageFile; from pipeline.curate.faces import detector; "
        f"detector({name!r}); assert not ImageFile.LOAD_TRUNCATED_IMAGES"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", EVERY)
def test_a_face_is_found_where_it_is(name, pixels):
    (face,) = detector(name)(pixels(face_photo().read_bytes()))
    assert max(abs(side - there) for side, there in zip(face.box, FACE, strict=True)) <= ROOM
    assert face.score is None or 0 < face.score <= 1
    for x, y in zip((face.landmarks or ())[::2], (face.landmarks or ())[1::2], strict=True):
        assert face.left <= x <= face.right
        assert face.top <= y <= face.bottom


def test_faces_that_are_small_in_a_large_picture_are_looked_at_closer(pixels):
    """Of 60 px in 1,350, which are 14 px in a frame of 320 px: each is found once, where it is."""
    canvas = Image.effect_noise((1080, 1350), 20).convert("RGB")
    scale = 60 / (FACE[2] - FACE[0])
    with Image.open(face_photo()) as photo:
        small = photo.resize((round(photo.width * scale), round(photo.height * scale)))
    corners = [(100, 150), (700, 900)]
    for corner in corners:
        canvas.paste(small, corner)
    found = sorted(detector("yunet")(pixels(encoded(canvas))), key=lambda face: face.left)
    assert len(found) == len(corners)
    for face, (left, top) in zip(found, corners, strict=True):
        there = (left + FACE[0] * scale, top + FACE[1] * scale, left + FACE[2] * scale, top + FACE[3] * scale)
        assert max(abs(side - at) for side, at in zip(face.box, there, strict=True)) <= ROOM * scale


@pytest.mark.parametrize(("side", "sides"), [(320, [160]), (330, [160, 320])])
def test_a_small_face_ends_the_search_where_nothing_smaller_is_of_use(side, sides, pixels, monkeypatch):
    """It is an eighth of the picture's side: one look leaves no doubt, a second is for what is larger."""
    canvas = Image.effect_noise((side, side), 20).convert("RGB")
    scale = side / 8 / (FACE[3] - FACE[1])
    with Image.open(face_photo()) as photo:
        canvas.paste(photo.resize((round(photo.width * scale), round(photo.height * scale))), (60, 80))
    looks = looked(monkeypatch)
    assert len(detector("yunet")(pixels(encoded(canvas)))) == 1
    assert looks == sides


def test_what_might_be_a_face_in_a_small_picture_is_looked_at_closer(pixels, monkeypatch):
    """Not all of the picture again: of 18 px in 300, which are 10 px of the first frame."""
    canvas = Image.new("RGB", (300, 240), "slategrey")
    scale = 18 / (FACE[2] - FACE[0])
    with Image.open(face_photo()) as photo:
        canvas.paste(photo.resize((round(photo.width * scale), round(photo.height * scale))), (60, 80))
    looks = looked(monkeypatch)
    (face,) = detector("yunet")(pixels(encoded(canvas, "PNG")))
    there = (60 + FACE[0] * scale, 80 + FACE[1] * scale, 60 + FACE[2] * scale, 80 + FACE[3] * scale)
    assert max(abs(side - at) for side, at in zip(face.box, there, strict=True)) <= ROOM * scale
    assert looks == [160, 96]


def looked(monkeypatch) -> list[int]:
    """The longer sides of the frames that the network gets from now on."""
    look, sides = Yunet.look, []

    def logged(self, frame):
        sides.append(max(frame.shape))
        return look(self, frame)

    monkeypatch.setattr(Yunet, "look", logged)
    return sides


def test_several_small_faces_in_a_small_picture_are_all_found(pixels):
    canvas = Image.new("RGB", (320, 240), "slategrey")
    with Image.open(face_photo()) as photo:
        for side, corner in zip((48, 56, 64, 80), ((20, 20), (180, 20), (20, 130), (180, 130)), strict=True):
            canvas.paste(photo.resize((side, side * photo.height // photo.width)), corner)
    assert len(detector("yunet")(pixels(encoded(canvas)))) == 4


@pytest.mark.parametrize("name", QUICK)
def test_the_same_picture_gives_the_same_faces_whatever_came_between(name, pixels):
    photo = face_photo().read_bytes()
    first = list(detector(name)(pixels(photo)))
    detector(name)(pixels(encoded(drawn(1))))
    assert list(detector(name)(pixels(photo))) == first


@pytest.mark.parametrize("name", QUICK)
def test_where_there_is_no_face_none_is_found(name, pixels):
    noise = np.random.default_rng(0).integers(0, 255, (200, 150, 3), np.uint8)
    for picture in (Image.fromarray(noise), drawn(1), drawn(2), Image.new("RGB", (300, 300), "white")):
        assert list(detector(name)(pixels(encoded(picture)))) == []


@pytest.mark.parametrize("name", QUICK)
@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 2), (33, 31)])
def test_the_smallest_pictures_are_looked_at_too(name, size, pixels):
    assert list(detector(name)(pixels(encoded(Image.new("RGB", size, "grey"), "PNG")))) == []


@pytest.mark.parametrize("name", QUICK)
@pytest.mark.parametrize("scale", [0.5, 3.0])
def test_boxes_are_in_pixels_of_the_raw_picture(name, scale, pixels):
    with Image.open(face_photo()) as photo:
        scaled = photo.resize((round(photo.width * scale), round(photo.height * scale)))
    (face,) = detector(name)(pixels(encoded(scaled)))
    assert max(abs(side / scale - there) for side, there in zip(face.box, FACE, strict=True)) <= ROOM


@pytest.mark.parametrize("name", QUICK)
def test_boxes_are_those_after_rotation_and_inside(name, pixels):
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    with Image.open(face_photo()) as photo:
        photo.crop((0, 0, 300, 606)).rotate(90, expand=True).save(buffer, "JPEG", exif=exif)
    picture = pixels(buffer.getvalue())
    assert (picture.width, picture.height) == (300, 606)
    for face in detector(name)(picture):
        assert 0 <= face.left < face.right <= 300
        assert 0 <= face.top < face.bottom <= 606


@pytest.mark.parametrize("angle", [-30, -15, 0, 15, 30])
def test_the_tilt_of_a_head_is_told(angle, pixels):
    with Image.open(face_photo()) as photo:
        turned = photo.rotate(-angle, Image.Resampling.BICUBIC, fillcolor=(90, 90, 90))
    (face,) = detector("yunet-level")(pixels(encoded(turned)))
    assert face.tilt == pytest.approx(angle, abs=6)


def test_small_faces_get_a_closer_look(pixels):
    canvas = Image.new("RGB", (1600, 1200), (90, 110, 130))
    with Image.open(face_photo()) as photo:
        small = photo.resize((128, 152))
    canvas.paste(small, (100, 900))
    canvas.paste(small.transpose(Image.Transpose.FLIP_LEFT_RIGHT), (1300, 200))
    faces = detector("yunet")(pixels(encoded(canvas)))
    assert sorted(face.left // 800 for face in faces) == [0, 1]


def folder(name: str) -> list[Path]:
    pictures = os.environ.get("IMPASTO_PICTURES")
    if not pictures:
        pytest.skip("IMPASTO_PICTURES names no folder of real pictures")
    return sorted((Path(pictures) / name).iterdir())


def found(paths: list[Path]) -> float:
    def looked(path: Path) -> list[Face]:
        try:
            return list(detector("yunet")(Pixels(path)))
        except PictureFault:
            return []

    return sum(bool(looked(path)) for path in paths) / len(paths)


@pytest.mark.parametrize("most", [120, pytest.param(10_000, marks=pytest.mark.slow)])
def test_yunet_finds_painted_faces_and_hardly_any_in_shoes_and_trees(most):
    def sample(paths: list[Path]) -> list[Path]:
        return random.Random(1).sample(paths, min(most, len(paths)))

    assert found(sample(folder("portraits"))) >= 0.93
    assert found(sample(folder("faces"))) == 1
    assert found(sample(folder("bonsai") + folder("shoes"))) <= 0.01

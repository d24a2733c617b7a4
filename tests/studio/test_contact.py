"""Contact sheets: everything is on one of them, with its boxes, and nothing stale stays."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from pipeline.errors import MissingInput
from pipeline.records import REJECT_REASONS
from studio import contact


@pytest.fixture(scope="module")
def sheets(_finished_once, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sheets")
    (folder / "kept-009.png").write_bytes(b"of an earlier call")
    return contact.write(_finished_once.data, _finished_once.name, folder)


def test_there_is_a_sheet_of_the_kept_and_of_every_reason_and_no_other(sheets):
    names = {path.name.rpartition("-")[0] for path in sheets}
    assert names == {"kept", *REJECT_REASONS}
    assert {path.name for path in sheets[0].parent.iterdir()} == {path.name for path in sheets}


def test_crops_and_faces_are_framed(sheets):
    kept = np.asarray(Image.open(next(path for path in sheets if path.name == "kept-001.png")), int)
    for colour in ((30, 158, 74), (255, 138, 0)):
        assert (np.abs(kept - colour).sum(axis=2) == 0).sum() > 30 * 200


def test_the_frame_of_a_turned_square_is_turned(workshop, tmp_path):
    plain = Image.new("RGB", (288, 288), "white")
    box = {"crop_left": 88, "crop_top": 88, "crop_right": 200, "crop_bottom": 200}
    workshop.keep(workshop.fetch("tilted.jpg", plain), plain, **box, crop_angle=45.0)
    workshop.publish()
    [path] = contact.write(workshop.data, workshop.name, tmp_path / "sheets")
    green = np.argwhere(np.abs(np.asarray(Image.open(path), int) - (30, 158, 74)).sum(axis=2) == 0)
    left, top = green.min(axis=0)[::-1] - 6  # of the tile
    assert abs(left - (72 - 28 * 2**0.5)) < 3
    assert abs(top - (72 - 28 * 2**0.5)) < 3
    corner_y, corner_x = green[np.argmin(green[:, 1])] - 6
    assert (abs(corner_y - 72) < 4, corner_x == left) == (True, True)  # a corner points to the left


def test_copies_stand_beside_what_was_kept(sheets):
    def tiles(name: str) -> int:
        with Image.open(next(path for path in sheets if path.name == name)) as sheet:
            return sheet.width // 150

    assert tiles("duplicate-001.png") == 2
    assert tiles("near_duplicate-001.png") == 2
    assert tiles("blurry-001.png") == 1


def test_a_dataset_that_is_not_there_is_said(tmp_path):
    with pytest.raises(MissingInput, match="no such dataset"):
        contact.write(tmp_path, "nothing", tmp_path / "sheets")

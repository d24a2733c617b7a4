"""A finished run, and the page that tells of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from studio.report import render
from tests.studio.page import Page
from tests.studio.workshop import Workshop, draw_picture


@pytest.fixture
def workshop(tmp_path) -> Workshop:
    return Workshop(tmp_path / "data")


@pytest.fixture(scope="session")
def _finished_once(tmp_path_factory) -> Workshop:
    workshop = Workshop(tmp_path_factory.mktemp("finished") / "data")
    pictures = {number: draw_picture(number) for number in range(40)}
    rows = {number: workshop.fetch(f"people/{number:03}.jpg", pictures[number]) for number in pictures}
    for number in range(30):
        middle = {"crop_left": 30, "crop_top": 0, "crop_right": 210, "crop_bottom": 180}
        face = {"face_left": 75, "face_top": 45, "face_right": 165, "face_bottom": 135, "face_score": 0.93}
        workshop.keep(rows[number], pictures[number].crop((30, 0, 210, 180)), **middle, **face)
    for number, reason in enumerate(
        "too_small no_face blurry dark bright flat colorless too_large dropped_in_review undecodable".split(),
        start=30,
    ):
        workshop.reject(rows[number], reason, sharpness=3.2, brightness=0.04)
    same = workshop.fetch("copies/again.jpg", pictures[1])
    workshop.reject(same, "duplicate", duplicate_of=rows[1].image_id)
    smaller = workshop.fetch("copies/smaller.jpg", pictures[2].resize((120, 90)))
    workshop.reject(smaller, "near_duplicate", duplicate_of=rows[2].image_id)
    workshop.reject(workshop.fetch("broken.jpg", b"not a picture at all"), "undecodable")
    workshop.fail("gone.jpg", "http_404", "404 Not Found")
    workshop.fail("clip.mp4", "video", "12 s", status="skipped")
    workshop.publish()
    workshop.run()
    return workshop


@pytest.fixture
def finished(_finished_once, tmp_path) -> tuple[Path, Path]:
    """(run folder, data directory) of a run that met every reason a picture can be left out for."""
    data = tmp_path / "finished"
    shutil.copytree(_finished_once.data, data)
    return data / "runs" / "faces-deadbeef", data


@pytest.fixture(scope="session")
def page_text(_finished_once) -> str:
    """The report of that run."""
    return render(_finished_once.data / "runs" / "faces-deadbeef", _finished_once.data)


@pytest.fixture
def page(page_text) -> Page:
    return Page(page_text)

"""The report tells everything, asks nobody, and believes no stranger's name."""

from __future__ import annotations

import json
import re
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.errors import MissingInput
from pipeline.records import REJECT_REASONS
from studio import words
from studio.report import write_report
from studio.trained import CHARTS
from tests.studio.page import Page
from tests.studio.workshop import draw_picture


def test_the_page_asks_for_nothing_outside_itself(page_text, page):
    assert not page.all("script")
    assert not page.all("link")
    assert all(image["src"].startswith("data:image/webp;base64,") for image in page.all("img"))
    assert not re.search(r"url\(|@import|srcset", page_text)
    [policy] = [it["content"] for it in page.all("meta") if it.get("http-equiv") == "Content-Security-Policy"]
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def test_what_strangers_wrote_stays_text(workshop):
    evil = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    quotes = "\" onmouseover='alert(3)' x=\""
    kept = workshop.fetch(evil, draw_picture(1), author=evil, licence=quotes, page_url="javascript:alert(4)")
    workshop.keep(kept, draw_picture(1))
    for number, name in enumerate((evil, quotes, "line\nbreak", "\u202egpj.exe", "\x1b[31m")):
        left_out = workshop.fetch(name, draw_picture(10 + number), page_url="https://x.example/" + quotes)
        workshop.reject(left_out, "no_face")
    workshop.fail("gone" + evil, "http_404", evil + quotes)
    workshop.publish()
    run = workshop.run()
    (run / "recipe.toml").write_text(f'name = "faces"\n# </code></pre>{evil}')

    page = Page(write_report(run, workshop.data).read_text())
    assert page.faults == []
    assert not page.all("script")
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert all(image["src"].startswith("data:image/webp") for image in page.all("img"))
    links = [link["href"] for link in page.all("a")]
    assert all(re.match(r"#[a-z-]+$|https?://[^\s\"'<>]+$", link) for link in links)
    assert page.says(evil)


def test_every_reason_is_told_with_its_count_and_pictures(page):
    told = REJECT_REASONS - {"duplicate", "near_duplicate"}
    for slug in told:
        assert page.says(f"{slug} : {2 if slug == 'undecodable' else 1} picture"), slug
    assert page.says("1 \N{MULTIPLICATION SIGN} duplicate ; 1 \N{MULTIPLICATION SIGN} near_duplicate")
    assert page.says("http_404: 404 Not Found")
    assert page.says("video: 12 s")
    for number in range(30, 40):
        assert any(f"people/{number:03}.jpg" in image["alt"] for image in page.all("img"))


def test_copies_stand_beside_the_picture_that_was_kept(page_text):
    groups = re.findall(r'<li class="group">(.*?)</ul>', page_text, re.DOTALL)
    names = [re.findall(r'alt="([^"]+)"', group) for group in groups]
    assert sorted(names) == [
        ["Kept picture people/001.jpg", "Picture copies/again.jpg"],
        ["Kept picture people/002.jpg", "Picture copies/smaller.jpg"],
    ]


def test_frames_lie_where_the_manifest_says(page_text):
    overlay = re.search(
        r'<svg viewBox="0 0 (\d+) (\d+)" aria-hidden="true">\s*<rect(.*?)</svg>', page_text, re.DOTALL
    )
    assert overlay is not None
    assert (overlay[1], overlay[2]) == ("144", "108")  # 240 x 180 px on a thumbnail: 0.6
    face = re.search(r'frame face" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"', overlay[3])
    assert face is not None
    assert face.groups() == ("45.0", "27.0", "54.0", "54.0")


def test_the_frame_of_a_turned_square_is_turned(workshop):
    tilted = draw_picture(1)
    box = {"crop_left": 60, "crop_top": 30, "crop_right": 180, "crop_bottom": 150}
    workshop.keep(workshop.fetch("tilted.jpg", tilted), tilted, **box, crop_angle=-12.5)
    workshop.publish()
    text = write_report(workshop.run(), workshop.data).read_text()
    assert 'height="72.0" transform="rotate(-12.5 72.0 54.0)"' in text


def test_a_source_that_ended_early_or_gave_nothing_is_told_first(finished):
    run, data = finished
    [listing] = data.glob("raw/folder/*/listing.json")
    listing.write_text(
        json.dumps({"at": "2026-03-02T07:00:00+00:00", "complete": False, "outcome": "soft_blocked"})
    )
    (run / "recipe.toml").write_text(
        'name = "faces"\n[[source]]\nkind = "folder"\n[[source]]\nkind = "wikiart"'
    )
    text = write_report(run, data).read_text()
    first = text[: text.index("<main")]
    assert "The listing of 2026-03-02 ended early: the site asked us to come back later." in first
    assert "No picture from wikiart reached this dataset." in first


def test_pictures_that_were_kept_whole_need_no_frames(workshop):
    square = draw_picture(1, 180, 180)
    whole = {"crop_left": 0, "crop_top": 0, "crop_right": 180, "crop_bottom": 180}
    workshop.keep(workshop.fetch("square.jpg", square), square, **whole)
    workshop.publish()
    page = Page(write_report(workshop.run(), workshop.data).read_text())
    assert not page.says("How they were cut")


def test_a_picture_that_cannot_be_read_leaves_an_empty_tile(finished):
    run, data = finished
    for path in data.glob("raw/*/*/*/*.jpg"):
        path.write_bytes(path.read_bytes()[:300])
    shutil.rmtree(data / "processed" / "faces" / "images")
    page = Page(write_report(run, data).read_text())
    assert page.says("cannot be shown")
    assert page.faults == []


def test_the_page_reads_well_without_seeing_it(page):
    assert page.faults == []
    assert all(image["alt"].strip() for image in page.all("img"))
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    named = {
        attributes["aria-labelledby"] for _, attributes in page.elements if "aria-labelledby" in attributes
    }
    targets = {link["href"][1:] for link in page.all("a") if link["href"].startswith("#")}
    assert named | targets <= set(ids)
    assert page.says("discriminator ends at 0.9")


def test_colours_have_contrast_in_light_and_in_dark():
    style = (Path(words.__file__).parent / "report.css").read_text()
    schemes = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    assert len(schemes) == 2
    for scheme in schemes:
        colours = dict(re.findall(r"--(\w+): (#\w{6})", scheme))
        for name in ("ink", "quiet", "accent", "good"):
            for ground in ("paper", "card"):
                assert _contrast(colours[name], colours[ground]) >= 4.5, (name, ground)
        for name in ("first", "second", "third"):
            assert _contrast(colours[name], colours["paper"]) >= 3, name


def _contrast(one: str, other: str) -> float:
    """WCAG 2.2's contrast ratio."""
    darker, lighter = sorted(map(_luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    levels = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_every_line_of_every_chart_has_a_look_of_its_own():
    css = (Path(words.__file__).parent / "report.css").read_text()
    for title, lines in CHARTS:
        for number in range(1, len(lines) + 1):
            for kind in ("line", "key", "dot"):
                assert re.search(rf"\.{kind}-{number}\b", css), (title, kind, number)


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [
        ("recipe.toml", "This run's folder holds no recipe."),
        ("metrics.parquet", "No figures were recorded for this run."),
        ("samples", "This run has no sample grids."),
        ("training.gif", "faces"),
        ("real_and_fake.png", "faces"),
    ],
)
def test_what_a_run_lacks_is_left_out_with_a_sentence(finished, missing, sentence):
    run, data = finished
    path = run / missing
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    page = Page(write_report(run, data).read_text())
    assert page.says(sentence)
    assert page.faults == []


@pytest.mark.parametrize("broken", ["recipe.toml", "metrics.parquet", "training.gif", "samples/0000400.png"])
def test_a_torn_file_of_the_run_does_not_cost_the_page(finished, broken):
    run, data = finished
    (run / broken).write_bytes(b"\x89torn")
    assert Page(write_report(run, data).read_text()).faults == []


def test_a_run_without_its_dataset_still_has_a_page(finished):
    run, data = finished
    shutil.rmtree(data / "processed")
    shutil.rmtree(data / "raw")
    page = Page(write_report(run, data).read_text())
    assert page.says("is not in this data directory")
    assert page.faults == []


def test_an_empty_folder_of_a_run_has_a_page(tmp_path):
    run = tmp_path / "runs" / "faces-00000000"
    run.mkdir(parents=True)
    assert Page(write_report(run, tmp_path).read_text()).says("faces")


def test_no_such_run_is_one_line(tmp_path):
    with pytest.raises(MissingInput, match="no such run"):
        write_report(tmp_path / "runs" / "nothing", tmp_path)


def test_recipe_credits_events_and_versions_are_told(page):
    for told in (
        'name = "faces"',
        "CC-BY-4.0",
        "Step 200: gone on from the checkpoint of step 150",
        "Python",
    ):
        assert page.says(told), told
    assert "https://creativecommons.org/licenses/by/4.0/" in {link["href"] for link in page.all("a")}


def test_writing_it_again_gives_the_same_page(finished):
    path = write_report(*finished)
    first = path.read_bytes()
    assert write_report(*finished).read_bytes() == first


def test_the_page_stays_small_however_much_there_is(workshop):
    """Noise is what compresses worst."""
    random = np.random.default_rng(0)

    def noise(width: int, height: int) -> Image.Image:
        return Image.fromarray(random.integers(0, 256, (height, width, 3), np.uint8))

    original = None
    for number in range(1, 181):
        raw = workshop.fetch(f"{number}.jpg", noise(300, 240))
        if number % 2:
            original = raw.image_id
            workshop.keep(raw, noise(64, 64), crop_left=0, crop_top=0, crop_right=240, crop_bottom=240)
        elif number % 3:
            workshop.reject(raw, sorted(REJECT_REASONS)[number % len(REJECT_REASONS)])
        else:
            workshop.reject(raw, "near_duplicate", duplicate_of=original)
    workshop.publish()
    run = workshop.run()
    for grid in (run / "samples").glob("*.png"):
        noise(530, 530).save(grid)
    frames = [noise(530, 530) for _ in range(6)]
    frames[0].save(run / "training.gif", save_all=True, append_images=frames[1:])
    size = write_report(run, workshop.data).stat().st_size
    assert size < 3_000_000

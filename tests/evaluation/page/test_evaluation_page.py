"""report.html of an evaluation: what it says, and in a real browser how it looks."""

import re

import numpy as np
import pytest
from browser import browser
from PIL import Image
from scenes import Classes, found, random_images, truth

from od_api.evaluation.page.evaluation_page import as_html
from od_api.evaluation.page.worst_images import WorstImages
from od_api.metrics.diagnosis.diagnosis import Diagnosing

HOSTILE = "<script>alert(1)</script>$x$"
REPORT = {"step": 300, "images": 12}


def diagnosed(images, labels):
    """(Diagnosis, WorstImages) of images of 240x320 pixels."""
    diagnosing, worst = Diagnosing(labels, samples=20), WorstImages(labels)
    for number, groundtruth, detections in images:
        image = {
            "groundtruth": groundtruth,
            "detections": detections,
            "source_id": f"image {number} {HOSTILE}".encode(),
            "pixels": np.full((240, 320, 3), number % 200, np.uint8),
            "drawn_groundtruth": groundtruth,
            "drawn_detections": detections,
        }
        worst.add(diagnosing.add(number, image), image)
    return diagnosing.result(), worst


def page_of(images, labels):
    diagnosis, worst = diagnosed(images, labels)
    return as_html(REPORT, diagnosis, worst.pictures(0.5))


def labels(count):
    names = {i: f"a rather long name of class {i}" for i in range(2, count + 1)}
    return Classes({1: HOSTILE, **names})


def test_text_of_data_is_shown_and_not_obeyed():
    page = page_of(random_images(1), labels(3))
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_it_needs_no_other_file():
    page = page_of(random_images(1), labels(3))
    assert set(re.findall(r'src="(.{10})', page)) == {"data:image"}
    links = re.findall(r'href="([^"]*)"|url\(([^)]*)\)', page)
    assert {(a or b)[:1] for a, b in links} == {"#", "d"}
    assert "checkpoint of step 300, on 12 images" in page


def test_many_classes_become_one_in_the_confusion_matrix():
    page = page_of(random_images(2, classes=20), labels(40))
    assert page.count('<th scope="col">') == 17
    assert "25 other classes" in page
    assert page.count("<tr><td>") == 40


@pytest.mark.parametrize("scores", [[], [3.5]])
def test_without_thresholds_or_probabilities(scores):
    box = [[0, 0, 30, 30]]
    one = (1, truth(box), found(box * len(scores), scores))
    page = page_of([one], labels(1))
    assert "no calibration is shown" in page
    assert ("taken for what" in page) == bool(scores)
    nothing = (1, truth(np.zeros((0, 4))), found(np.zeros((0, 4)), []))
    assert "on 12 images" in page_of([nothing], labels(1))


def brightness(page, name):
    colour = page.js(f"getComputedStyle(document.body).{name}")
    return sum(map(int, re.findall(r"\d+", colour)[:3])) / 3


def overlapping(page):
    """Names of figures in which two texts meet."""
    return page.js(
        """[...document.querySelectorAll("figure svg")].flatMap(svg => {
          const boxes = [...svg.querySelectorAll("text")].map(
            text => text.getBoundingClientRect());
          const meet = (a, b) => a.left < b.right && b.left < a.right
            && a.top + 3 < b.bottom && b.top + 3 < a.bottom;
          return boxes.flatMap((a, i) => boxes.slice(i + 1).filter(b => meet(a, b)))
            .map(() => svg.getAttribute("aria-label"));
        })"""
    )


def test_a_reader_sees_it_light_and_dark(tmp_path):
    """Nothing leaves the page or overlaps, text stands out, nothing is reported."""
    file = tmp_path / "report.html"
    file.write_text(page_of(random_images(2, classes=20), labels(40)), "utf-8")
    with browser() as page:
        for scheme in ("dark", "light"):
            page.prefer(scheme)
            page.open(file)
            paper, ink = (brightness(page, n) for n in ("backgroundColor", "color"))
            assert (paper < 60) == (scheme == "dark") and abs(paper - ink) > 150
        assert page.js("document.documentElement.scrollWidth - innerWidth") <= 0
        assert page.js("document.querySelectorAll('figure svg').length") == 4
        assert overlapping(page) == []
        widths = "[...document.querySelectorAll('.pair img')].map(i => i.width)"
        assert min(page.js(widths)) > 500
        page.click("#theme")
        assert brightness(page, "backgroundColor") < 60
        assert page.console() == []


def test_worst_images_are_few_small_and_in_order():
    worst = WorstImages(labels(1), most=2)
    nothing = found(np.zeros((0, 4)), [])
    for number, badness in enumerate([1.0, 3.0, 0.0, 2.0, 3.0]):
        image = {
            "source_id": b"%d" % number,
            "pixels": np.zeros((100, 1800, 3), np.uint8),
            "drawn_groundtruth": truth([[10, 20, 50, 1000]]),
            "drawn_detections": nothing,
        }
        worst.add(badness, image)
    pictures = worst.pictures(0.0)
    assert [p.name for p in pictures] == [b"1", b"4"]
    assert [(p.wrong, p.missed, p.shown) for p in pictures] == [(0, 1, 0)] * 2


def test_boxes_are_drawn_where_they_are():
    """An object of the left half of a wide image, half as large in the picture."""
    import base64
    import io

    worst = WorstImages(labels(1))
    image = {
        "source_id": b"wide",
        "pixels": np.zeros((900, 1800, 3), np.uint8),
        "drawn_groundtruth": truth([[200, 100, 700, 900]]),
        "drawn_detections": found([[200, 100, 700, 900]], [0.9], [0]),
    }
    worst.add(1.0, image)
    (picture,) = worst.pictures(0.5)
    data = base64.b64decode(picture.found.partition(",")[2])
    pixels = np.asarray(Image.open(io.BytesIO(data)))
    assert pixels.shape == (450, 900, 3)
    column = pixels[225, :, 1]
    assert column[48:54].max() > 100 and column[446:452].max() > 100
    assert column[60:440].max() < 60
    assert picture.wrong == picture.missed == 0

"""The image of a record: there, decodable, of the stated size, upright."""

import io

import numpy as np
import pytest
from PIL import Image

from od_api.data.image_checks import ImageChecks


def image(height=4, width=6, orientation=None):
    file, exif = io.BytesIO(), Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    Image.fromarray(np.zeros([height, width, 3], np.uint8)).save(
        file, "jpeg", exif=exif
    )
    return file.getvalue()


def look(encoded, height=4, width=6, **settings):
    features = {"image/encoded": [encoded]}
    if height is not None:
        features |= {"image/height": [height], "image/width": [width]}
    size, findings = ImageChecks(**settings).look(features)
    return size, [(severity, kind) for severity, kind, _ in findings]


def test_a_good_image():
    assert look(image()) == ((4, 6), [])
    assert look(image(), None, None) == ((4, 6), [])


@pytest.mark.parametrize(
    ("height", "width", "findings"),
    [
        (6, 4, [("error", "wrong_size")]),
        # Twice as large, of the same shape: normalised boxes still fit.
        (8, 12, [("warning", "wrong_size")]),
        (8, 8, [("error", "wrong_size")]),
        (0, 6, [("error", "wrong_size")]),
    ],
)
def test_another_size_than_the_record_says(height, width, findings):
    assert look(image(), height, width) == ((4, 6), findings)


def test_an_image_that_lies_on_its_side():
    _, findings = look(image(orientation=6))
    assert findings == [("warning", "orientation")]
    assert look(image(orientation=1))[1] == []


@pytest.mark.parametrize(
    ("encoded", "kind"), [(b"", "no_image"), (b"text", "undecodable")]
)
def test_no_image(encoded, kind):
    """The size is what the record says, if it says one."""
    assert look(encoded) == ((4, 6), [("error", kind)])
    assert look(encoded, None, None) == (None, [("error", kind)])


def test_too_many_pixels():
    assert look(image(), max_pixels=23)[1] == [("error", "undecodable")]
    assert look(image(), max_pixels=24)[1] == []


def test_only_so_many_are_decoded():
    """The third of three is looked at, and its damage behind the header not seen."""
    checks = ImageChecks(limit=2)
    broken = {"image/encoded": [image(64, 64)[:300]]}
    good = {"image/encoded": [image()]}
    seen = []
    for features in (good, good, good):
        checks.look(features)
        seen.append(checks.decodes)
    assert seen == [True, True, False] and checks.decoded == 2
    assert ImageChecks().look(broken)[1][0][1] == "undecodable"


@pytest.mark.parametrize(
    ("size", "stated", "findings"),
    [
        (72, True, []),
        (24, True, []),
        (71, True, [("error", "undecodable")]),
        (72, False, [("error", "undecodable")]),
    ],
)
def test_raw_pixels(size, stated, findings):
    """4 x 6 pixels of three bytes or one, or neither, or of unknown shape."""
    features = {"image/encoded": [b"\xff" * size], "image/format": [b"RAW"]}
    if stated:
        features |= {"image/height": [4], "image/width": [6]}
    known, found = ImageChecks().look(features)
    assert known == ((4, 6) if stated else None)
    assert [finding[:2] for finding in found] == findings

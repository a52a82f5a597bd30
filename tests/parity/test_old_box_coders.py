"""Box coders against the old API's, on boxes measured in images (0..1)."""

import golden_store
import numpy as np
import pytest
from google.protobuf import text_format

from od_api.core.registry import build
from od_api.protos import box_coder_pb2

CASES = golden_store.load("box_coders")
BOXES, ANCHORS = CASES["input"]["boxes"], CASES["input"]["anchors"]


def coder_of(case):
    """Images of 1 x 1 "pixels", so that nothing needs scaling."""
    config = text_format.Parse(case["config"], box_coder_pb2.BoxCoder())
    return build(config, image_shape=(1, 1))


@pytest.mark.parametrize("name", sorted(set(CASES) - {"input", "keypoint", "square"}))
def test_codes_and_boxes_are_the_old_ones(name):
    case = CASES[name]
    coder = coder_of(case)
    close = {"rtol": 1e-5, "atol": 1e-5}
    np.testing.assert_allclose(coder.encode(BOXES, ANCHORS), case["encoded"], **close)
    np.testing.assert_allclose(
        coder.decode(case["codes"], ANCHORS), case["decoded"], **close
    )


def test_square_codes_are_the_old_ones():
    """The code has three numbers: centre and the square root of the area.

    Boxes whose area underflows apart, the old coder and ours use the same epsilon.
    """
    case = CASES["square"]
    coder = coder_of(case)
    close = {"rtol": 1e-5, "atol": 1e-5}
    np.testing.assert_allclose(coder.encode(BOXES, ANCHORS), case["encoded"], **close)
    np.testing.assert_allclose(
        coder.decode(case["codes"], ANCHORS), case["decoded"], **close
    )


@pytest.mark.parametrize("height, width", [(300, 300), (240, 600)])
def test_square_codes_of_pixels_are_the_old_ones_of_shares(height, width):
    case = CASES["square"]
    config = text_format.Parse(case["config"], box_coder_pb2.BoxCoder())
    coder = build(config, image_shape=(height, width))
    unit = np.float32([height, width] * 2)
    close = {"rtol": 1e-4, "atol": 1e-4}
    np.testing.assert_allclose(
        coder.encode(BOXES * unit, ANCHORS * unit), case["encoded"], **close
    )
    decoded = coder.decode(case["codes"], ANCHORS * unit) / unit
    np.testing.assert_allclose(decoded, case["decoded"], **close)


def test_keypoint_codes_are_the_old_ones():
    """Ours carries the keypoints behind the box, the old API in a field of its own."""
    case = CASES["keypoint"]
    coder = coder_of(case)
    close = {"rtol": 1e-5, "atol": 1e-5}
    boxes = np.concatenate([BOXES, case["keypoints"].reshape(-1, 4)], axis=1)
    np.testing.assert_allclose(coder.encode(boxes, ANCHORS), case["encoded"], **close)
    decoded = coder.decode(case["codes"], ANCHORS).numpy()
    np.testing.assert_allclose(decoded[:, :4], case["decoded"], **close)
    points = decoded[:, 4:].reshape(-1, 2, 2)
    np.testing.assert_allclose(points, case["decoded_keypoints"], **close)

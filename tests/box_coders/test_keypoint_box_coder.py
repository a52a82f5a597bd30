"""A box code with keypoints."""

import kit
import numpy as np
import pytest

from od_api.box_coders.faster_rcnn_box_coder import FasterRcnnBoxCoder
from od_api.box_coders.keypoint_box_coder import KeypointBoxCoder
from od_api.core.errors import UserError

ANCHOR = np.float32([0, 0, 100, 200])
BOX = np.float32([10, 20, 110, 120])


def test_values():
    """Keypoint (60, 50) from the anchor's centre (50, 100), sides 100 and 200.

    10 * 10 / 100 = 1 and 10 * -50 / 200 = -2.5; the box as without keypoints.
    """
    coder = KeypointBoxCoder(num_keypoints=1)
    with_point = np.concatenate([BOX, [60, 50]]).astype(np.float32)
    code = coder.encode(with_point, ANCHOR)
    assert coder.code_size == 6
    np.testing.assert_allclose(code[4:], [1.0, -2.5], rtol=1e-6)
    kit.assert_same(code[:4], FasterRcnnBoxCoder().encode(BOX, ANCHOR))


def test_round_trip_on_a_batch():
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 100, (2, 5, 6)).astype(np.float32)
    boxes = np.concatenate([kit.random_boxes(rng, 2, 5), points], axis=-1)
    anchors = kit.random_boxes(rng, 5)
    coder = KeypointBoxCoder(num_keypoints=3, y_scale=2.0, width_scale=1.0)
    codes = kit.check_graph(coder.encode, boxes, anchors)
    assert codes.shape == (2, 5, 10)
    np.testing.assert_allclose(coder.decode(codes, anchors), boxes, atol=1e-3)


def test_box_without_keypoints():
    with pytest.raises(UserError, match="needs 6 numbers a box, not 4"):
        KeypointBoxCoder(num_keypoints=1).encode(BOX, ANCHOR)


def test_negative_number():
    with pytest.raises(ValueError, match="num_keypoints is -1"):
        KeypointBoxCoder(num_keypoints=-1)


def test_kit():
    kit.check_box_coder(KeypointBoxCoder())

"""1 - CIoU of decoded boxes."""

import math

import kit
import numpy as np
import pytest
import tensorflow as tf

from od_api.core.ranges import RangeError
from od_api.losses.weighted_ciou import WeightedCiouLocalizationLoss
from od_api.losses.weighted_diou import WeightedDiouLocalizationLoss


def _oracle(box, other):
    """The paper's equations in Python's own numbers; boxes (x1, y1, x2, y2)."""
    (a, b, c, d), (e, f, g, h) = box, other
    overlap = max(min(c, g) - max(a, e), 0) * max(min(d, h) - max(b, f), 0)
    iou = overlap / ((c - a) * (d - b) + (g - e) * (h - f) - overlap)
    rho2 = ((a + c - e - g) / 2) ** 2 + ((b + d - f - h) / 2) ** 2
    c2 = (max(c, g) - min(a, e)) ** 2 + (max(d, h) - min(b, f)) ** 2
    angles = math.atan((g - e) / (h - f)) - math.atan((c - a) / (d - b))
    v = 4 / math.pi**2 * angles**2
    alpha = v / (1 - iou + v) if v else 0
    return 1 - (iou - rho2 / c2 - alpha * v)


def _flipped(box):
    return np.float32(box)[..., [1, 0, 3, 2]]


@pytest.mark.parametrize(
    ("box", "other", "value"),
    [
        ((0, 0, 2, 2), (0, 0, 2, 2), 0.0),
        # IoU 1/7, centres sqrt(2) apart in a diagonal of 3 sqrt(2), both squares.
        ((0, 0, 2, 2), (1, 1, 3, 3), 1 - 1 / 7 + 1 / 9),
        # IoU 1/3, v = .167826, alpha = .201111.
        ((1, 0, 3, 4), (0, 0, 4, 2), 1 - 0.268332),
        ((1, 1, 2, 2), (0, 0, 4, 4), 1 - 0.046875),
        ((0, 0, 0, 0), (0, 0, 0, 0), 1.0),
        # A line is as wide as can be: arctan 0 against pi / 2, so that v is 1, alpha
        # 1/2; one centre.
        ((0, 2, 4, 2), (2, 0, 2, 4), 1 + 0.5),
    ],
)
def test_value(box, other, value):
    loss = WeightedCiouLocalizationLoss()(_flipped(box), _flipped(other))
    np.testing.assert_allclose(loss, value, rtol=1e-5, atol=1e-6)


def test_agrees_with_the_formula():
    random = np.random.default_rng(5)
    corners = random.uniform(0, 20, (200, 2, 2))
    sizes = random.uniform(0.5, 20, (200, 2, 2))
    boxes, others = np.moveaxis(np.concatenate([corners, corners + sizes], -1), 1, 0)
    wanted = [_oracle(*pair) for pair in zip(boxes, others, strict=True)]
    found = WeightedCiouLocalizationLoss()(_flipped(boxes), _flipped(others))
    np.testing.assert_allclose(found, wanted, rtol=1e-4)


def test_of_equal_aspect_ratios_it_is_diou():
    boxes = np.float32([[0, 0, 2, 4], [1, 1, 4, 7]])
    others = np.float32([[1, 1, 6, 11], [0, 5, 1, 7]])
    np.testing.assert_allclose(
        WeightedCiouLocalizationLoss()(boxes, others),
        WeightedDiouLocalizationLoss()(boxes, others),
        rtol=1e-6,
    )


@pytest.mark.parametrize(("least", "counts"), [(0.3, True), (0.5, False)])
def test_aspect_counts_from_an_iou_on(least, counts):
    """IoU is 1/3."""
    box, other = _flipped((1, 0, 3, 4)), _flipped((0, 0, 4, 2))
    found = WeightedCiouLocalizationLoss(aspect_min_iou=least)(box, other)
    np.testing.assert_allclose(found, 1 - (0.268332 if counts else 0.302083), 1e-5)


def test_alpha_has_no_gradient():
    """Of a box with the target's centre, taller by t: IoU and v alone move."""
    box, other = np.float32([-3, -1, 3, 1]), np.float32([-1, -1, 1, 1])
    loss = WeightedCiouLocalizationLoss()
    (gradient,) = kit.check_gradients(lambda b: loss(b, other), box)
    iou, angle = 1 / 3, math.atan(1 / 3)
    v = 4 / math.pi**2 * (math.pi / 4 - angle) ** 2
    alpha = v / (1 - iou + v)
    # Of ymax: height 6, width 2, d IoU = -4 / 12^2 * 2, d arctan = -2 / (36 + 4); the
    # distance of the centres is 0 and at its least.
    of_v = 8 / math.pi**2 * (math.pi / 4 - angle) * (2 / 40)
    np.testing.assert_allclose(gradient[2], 8 / 144 + alpha * of_v, rtol=1e-4)


def test_points_and_lines_have_finite_gradients():
    loss = WeightedCiouLocalizationLoss()
    boxes = tf.constant([[1.0, 1, 1, 1], [0, 0, 0, 4], [0, 0, 4, 0], [3, 3, 1, 1]])
    others = tf.constant([[1.0, 1, 1, 1], [0, 0, 4, 4], [0, 0, 4, 4], [0, 0, 4, 4]])
    with tf.GradientTape() as tape:
        tape.watch(boxes)
        value = loss(boxes, others)
    assert np.isfinite(value).all()
    assert np.isfinite(tape.gradient(value, boxes)).all()


def test_limit_is_a_share():
    with pytest.raises(RangeError, match="aspect_min_iou"):
        WeightedCiouLocalizationLoss(aspect_min_iou=1.5)


def test_takes_boxes():
    assert WeightedCiouLocalizationLoss.on_boxes


def test_kit():
    kit.check_localization_loss(WeightedCiouLocalizationLoss())

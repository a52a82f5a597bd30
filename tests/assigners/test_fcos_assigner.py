"""Points inside an object answer for it."""

import kit
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from od_api.assigners.fcos_assigner import FcosAssigner
from od_api.core.errors import ConfigError
from od_api.core.registry import build
from od_api.core.types import Priors
from od_api.protos import matcher_pb2

STRIDES = (8, 16, 32, 64, 128)


def points(size=256, strides=STRIDES):
    """Priors of all levels of a square image."""
    centers, steps, levels = [], [], []
    for level, stride in enumerate(strides):
        at = np.arange(size // stride) * stride + stride // 2
        y, x = np.meshgrid(at, at, indexing="ij")
        centers.append(np.stack([y, x, y, x], axis=-1).reshape(-1, 4))
        steps += [[stride, stride]] * len(at) ** 2
        levels += [level] * len(at) ** 2
    return priors(np.concatenate(centers), steps, levels)


def priors(boxes, strides, levels):
    return Priors(
        boxes=tf.constant(boxes, tf.float32),
        strides=tf.constant(strides, tf.float32),
        levels=tf.constant(levels, tf.int32),
        valid=tf.ones([len(levels)], tf.bool),
    )


def at_all_levels(y, x):
    """One point, five times, on P3 to P7."""
    return priors([[y, x, y, x]] * 5, [[s, s] for s in STRIDES], range(5))


def assign(place, boxes, **options):
    """(label, gt_index, quality) of one image."""
    targets = kit.make_targets(np.float32([boxes]))
    result = FcosAssigner(**options).assign(place, targets)
    return [x[0].numpy() for x in (result.label, result.gt_index, result.quality)]


def test_a_side_at_100_px_is_for_p4():
    """64 < 100 <= 128."""
    label, _, _ = assign(at_all_levels(50, 50), [[0, 0, 100, 150]])
    np.testing.assert_array_equal(label, [0, 1, 0, 0, 0])


def test_a_limit_belongs_to_both_levels():
    label, _, _ = assign(at_all_levels(50, 50), [[0, 0, 100, 114]])
    np.testing.assert_array_equal(label, [1, 1, 0, 0, 0])


def test_the_last_level_has_no_end():
    label, _, _ = assign(at_all_levels(50, 50), [[0, 0, 100, 9000]])
    np.testing.assert_array_equal(label, [0, 0, 0, 0, 1])


def test_the_smaller_of_two():
    """Areas 60 x 60 and 40 x 50; of two equal boxes the first."""
    large, small = [20, 20, 80, 80], [30, 30, 70, 80]
    for boxes, index in (([large, small], 1), ([small, large], 0), ([small] * 2, 0)):
        label, gt_index, _ = assign(at_all_levels(50, 50), boxes)
        assert label[0] == 1 and gt_index[0] == index


def test_strictly_inside():
    """On the left border, and 1 px to its right."""
    on_it, inside = ([20, x, 80, 90] for x in (50, 49))
    assert assign(at_all_levels(50, 50), [on_it])[0][0] == 0
    assert assign(at_all_levels(50, 50), [inside])[0][0] == 1


def test_quality_is_centerness():
    """sqrt(1 / 3 * 2 / 2) of distances 1, 2, 3, 2; 0 where the label is 0."""
    _, _, quality = assign(at_all_levels(50, 50), [[48, 49, 52, 53]])
    np.testing.assert_allclose(quality, [0.577350, 0, 0, 0, 0], rtol=1e-5)


def test_center_radius():
    """1.5 strides of 8: 12 px and more from the centre of 40 px are too far."""
    box = [[10, 10, 70, 70]]
    for x, label in ((40, 1), (51.9, 1), (52, 0), (28.1, 1), (28, 0)):
        for place in (at_all_levels(40, x), at_all_levels(x, 40)):
            assert assign(place, box, center_radius=1.5)[0][0] == label
            assert assign(place, box)[0][0] == 1


def reference(place, boxes, valid, radius):
    """Point by point; the smallest of the boxes that fit, -1 for none."""
    low, high = [0, 64, 128, 256, 512], [64, 128, 256, 512, np.inf]
    found = []
    for (y, x, _, _), stride, level in zip(
        *(t.numpy() for t in place[:3]), strict=True
    ):
        best, least = -1, np.inf
        for i, (ymin, xmin, ymax, xmax) in enumerate(boxes):
            sides = np.array([x - xmin, y - ymin, xmax - x, ymax - y])
            fits = valid[i] and (sides > 0).all()
            fits &= low[level] <= sides.max() <= high[level]
            if radius:
                fits &= abs(y - (ymin + ymax) / 2) < radius * stride[0]
                fits &= abs(x - (xmin + xmax) / 2) < radius * stride[1]
            area = (ymax - ymin) * (xmax - xmin)
            if fits and area < least:
                best, least = i, area
        found.append(best)
    return np.array(found)


@pytest.mark.parametrize("radius", [0.0, 1.5])
def test_random_batch_against_a_loop(radius):
    rng = np.random.default_rng(0)
    place = points()
    low = rng.integers(0, 200, (2, 6, 2))
    boxes = np.concatenate([low, low + rng.integers(4, 256, (2, 6, 2))], axis=-1)
    valid = rng.uniform(size=(2, 6)) < 0.7
    targets = kit.make_targets(boxes, valid=valid)
    result = FcosAssigner(center_radius=radius).assign(place, targets)
    for i in range(2):
        want = reference(place, targets.boxes[i].numpy(), valid[i], radius)
        np.testing.assert_array_equal(result.label[i], want >= 0)
        np.testing.assert_array_equal(result.gt_index[i], np.maximum(want, 0))
    assert result.label.numpy().sum() > 20


def test_eager_graph_and_xla():
    assigner = FcosAssigner(center_radius=1.5)
    targets = kit.target_cases()["uneven"]
    kit.check_graph(assigner.assign, points(128), targets)
    kit.check_graph(assigner.assign, points(128), targets, jit_compile=True)


def _built(fields, **context):
    message = text_format.Parse(f"fcos_assigner {{ {fields} }}", matcher_pb2.Matcher())
    return build(message, similarity=None, **context)


def test_field():
    assert _built("range_limits: [32, 64]", num_levels=3).high[:2] == [32, 64]
    assert len(_built("", num_levels=5).low) == 5


@pytest.mark.parametrize(
    ("fields", "levels", "message"),
    [
        ("range_limits: [64, 32]", 3, "range_limits: must ascend"),
        ("range_limits: [0, 32]", 3, "must be above 0"),
        ("range_limits: [32, 64]", 4, "for 3 levels, and there are 4.*give 3 numbers"),
        ("", 4, "has 4 numbers, for 5 levels, and there are 4"),
        ("center_radius: -1", 5, "center_radius: is -1"),
    ],
)
def test_refused(fields, levels, message):
    with pytest.raises(ConfigError, match=message):
        _built(fields, num_levels=levels)


def test_kit():
    kit.check_assigner(FcosAssigner())

"""Cells that hold the centres of objects, by hand and against a loop."""

import kit
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from od_api.assigners.center_cell_matcher import CenterCellMatcher
from od_api.core.errors import UserError
from od_api.core.ranges import RangeError
from od_api.core.registry import build
from od_api.core.types import Predictions, Priors
from od_api.protos import matcher_pb2

# Two shapes (height, width) on each of the 4 x 4 cells of 16 px, one of 40 px on those
# of 32 px: priors 0..31, 32..35.
SHAPES = {16: [(12, 12), (8, 24)], 32: [(40, 40)]}
SIZE = 64


def priors():
    boxes, strides, levels = [], [], []
    for level, (stride, shapes) in enumerate(SHAPES.items()):
        for y in np.arange(SIZE // stride):
            for x in np.arange(SIZE // stride):
                for height, width in shapes:
                    center = stride * (np.float32([y, x]) + 0.5)
                    half = np.float32([height, width]) / 2
                    boxes.append([*(center - half), *(center + half)])
                    strides.append([stride, stride])
                    levels.append(level)
    return Priors(
        tf.constant(np.float32(boxes)),
        tf.constant(np.float32(strides)),
        tf.constant(levels),
        tf.ones([len(levels)], tf.bool),
    )


def around(y, x, height, width):
    return [y - height / 2, x - width / 2, y + height / 2, x + width / 2]


def assign(boxes, predictions=None, **options):
    return CenterCellMatcher(**options).assign(
        priors(), kit.make_targets([boxes]), predictions
    )


def positives(found):
    """{prior: object}."""
    rows = np.flatnonzero(found.label[0] == 1)
    return {int(row): int(found.gt_index[0, row]) for row in rows}


def predicted(boxes):
    """Predictions of the priors above whose boxes are these, [36, 4]."""
    boxes = tf.constant(np.float32(boxes))[None, :, None]
    return Predictions(
        class_logits=tf.zeros([1, 36, 1]),
        box_codes=boxes,
        boxes=boxes,
        priors=priors(),
        columns={},
        image_shape=(SIZE, SIZE),
        true_shapes=tf.fill([1, 2], SIZE),
    )


@pytest.mark.parametrize(
    ("shape", "prior"),
    [
        # The centre (20, 37) is in cell (1, 2) of 16 px: priors 12 and 13; in cell
        # (0, 1) of 32 px: prior 33. 144 / 192 of the square, 96 / 192 + 48 of the flat.
        ((12, 16), 12),
        ((8, 20), 13),
        ((30, 36), 33),
    ],
)
def test_the_best_shape_of_all_levels_has_the_object(shape, prior):
    found = assign([around(20, 37, *shape)])
    assert positives(found) == {prior: 0}
    height, width = np.subtract(*np.split(priors().boxes[prior].numpy(), 2)[::-1])
    overlap = min(height, shape[0]) * min(width, shape[1])
    union = height * width + np.prod(shape) - overlap
    np.testing.assert_allclose(found.quality[0, prior], overlap / union, rtol=1e-5)


@pytest.mark.parametrize(
    ("center", "cell"),
    [
        # On an edge the later one; at the far end, and beyond it, the last.
        ((16, 31.9), (1, 1)),
        ((15.9, 32), (0, 2)),
        ((64, 64), (3, 3)),
        ((70, -5), (3, 0)),
    ],
)
def test_centers_on_edges_and_outside(center, cell):
    prior = 2 * (4 * cell[0] + cell[1])
    assert positives(assign([around(*center, 12, 12)])) == {prior: 0}


def test_all_priors_of_the_cells():
    found = assign([around(20, 37, 12, 16)], choice="ALL")
    assert positives(found) == {12: 0, 13: 0, 33: 0}


@pytest.mark.parametrize(
    ("sharing", "owner"), [("FIRST", 0), ("SMALLEST", 1), ("BEST", 2)]
)
def test_many_objects_want_one_prior(sharing, owner):
    """12 x 12 is prior 12's own shape; 10 x 10 is smaller, 14 x 12 comes first."""
    boxes = [around(20, 37, *s) for s in ((14, 12), (10, 10), (12, 12))]
    assert positives(assign(boxes, sharing=sharing)) == {12: owner}


def test_of_equals_the_first():
    boxes = [around(20, 37, 12, 12)] * 2
    for sharing in ("FIRST", "SMALLEST", "BEST"):
        assert positives(assign(boxes, sharing=sharing)) == {12: 0}


def test_the_best_prediction_of_the_cell():
    """Prior 13 predicts the object; prior 0 does too, and is in another cell."""
    box = around(20, 37, 12, 12)
    boxes = np.zeros([36, 4])
    boxes[[0, 13]], boxes[12] = box, around(20, 37, 12, 6)
    options = {"choice": "BEST_PREDICTION", "ignored_iou": 1.0}
    found = assign([box], predicted(boxes), **options)
    assert positives(found) == {13: 0}
    np.testing.assert_allclose(found.quality[0, 13], 1.0, rtol=1e-6)
    # Nobody overlaps: the first of the cell.
    assert positives(assign([box], predicted(np.zeros([36, 4])), **options)) == {12: 0}


def test_others_that_overlap_are_ignored():
    """The object is prior 12 moved by 4 px: IoU 8 / 16 with it, which is not above."""
    boxes = [around(24, 44, 12, 12), around(24, 40, 12, 16)]
    assert (assign(boxes[:1]).label.numpy() >= 0).all()
    found = assign(boxes[:1], ignored_iou=0.49)
    assert positives(found) == {12: 0} and (found.label.numpy() >= 0).all()
    # The first object takes prior 12; so the second, which wants it, ignores none.
    found = assign(boxes, ignored_iou=0.3)
    assert positives(found) == {12: 0}
    (ignored,) = np.flatnonzero(found.label[0] == -1)
    assert ignored == 13


def test_ignored_by_predicted_boxes():
    box = around(20, 37, 12, 12)
    boxes = np.zeros([36, 4])
    boxes[5] = box
    found = assign([box], predicted(boxes), ignore_by_prediction=True)
    assert positives(found) == {12: 0}
    assert np.flatnonzero(found.label[0] == -1).tolist() == [5]


def test_an_object_without_area_has_the_first_prior_of_its_cell():
    assert positives(assign([around(20, 37, 0, 0)])) == {12: 0}


def test_priors_that_are_not_valid_take_no_part():
    place = priors()
    place = place._replace(
        valid=tf.tensor_scatter_nd_update(place.valid, [[12]], [False])
    )
    targets = kit.make_targets([[around(20, 37, 12, 12)]])
    assert positives(CenterCellMatcher().assign(place, targets)) == {13: 0}


def test_priors_of_each_image_and_of_all_are_alike():
    place = priors()
    targets = kit.make_targets([[around(20, 37, 12, 12)], [around(50, 8, 30, 36)]])
    own = place._replace(
        boxes=tf.stack([place.boxes] * 2), valid=tf.stack([place.valid] * 2)
    )
    kit.assert_same(
        CenterCellMatcher().assign(own, targets),
        CenterCellMatcher().assign(place, targets),
    )


def _loop(boxes, place, limit):
    """The rule, object by object: {prior: object}, {ignored priors}."""
    strides, levels = place.strides.numpy(), place.levels.numpy()
    own, taken = place.boxes.numpy(), {}
    for g, box in enumerate(boxes):
        best = (-1, None)
        for a, prior in enumerate(own):
            (cells,) = {SIZE // int(s) for s in strides[levels == levels[a], 0]}
            center = [(box[i] + box[i + 2]) / 2 // strides[a, 0] for i in (0, 1)]
            center = np.clip(center, 0, cells - 1)
            cell = [(prior[i] + prior[i + 2]) / 2 // strides[a, 0] for i in (0, 1)]
            sides = [(x[2] - x[0], x[3] - x[1]) for x in (box, prior)]
            overlap = min(s[0] for s in sides) * min(s[1] for s in sides)
            fit = overlap / (sum(np.prod(s) for s in sides) - overlap)
            if tuple(cell) == tuple(center) and fit > best[0]:
                best = (fit, a)
        taken.setdefault(best[1], g)
    overlaps = np.array([[_iou(p, b) for p in own] for b in boxes]).max(axis=0)
    return taken, set(np.flatnonzero(overlaps > limit)) - set(taken)


def _iou(a, b):
    sides = [max(min(a[i + 2], b[i + 2]) - max(a[i], b[i]), 0) for i in (0, 1)]
    areas = [(x[2] - x[0]) * (x[3] - x[1]) for x in (a, b)]
    return np.prod(sides) / (sum(areas) - np.prod(sides))


@pytest.mark.parametrize("seed", range(5))
def test_against_a_loop(seed):
    rng = np.random.default_rng(seed)
    boxes = kit.random_boxes(rng, 12, size=SIZE)
    found = assign(boxes, ignored_iou=0.3)
    taken, ignored = _loop(boxes, priors(), 0.3)
    assert positives(found) == taken
    assert set(np.flatnonzero(found.label[0] == -1)) == ignored


def test_predictions_are_needed_for_what_looks_at_them():
    for options in ({"choice": "BEST_PREDICTION"}, {"ignore_by_prediction": True}):
        with pytest.raises(UserError, match="look at predicted boxes"):
            assign([around(20, 37, 12, 12)], **options)


def test_field():
    message = text_format.Parse(
        "center_cell_matcher { choice: ALL sharing: SMALLEST ignored_iou: 0.7 }",
        matcher_pb2.Matcher(),
    )
    matcher = build(message, similarity=None, num_levels=3)
    assert (matcher.choice, matcher.sharing) == ("ALL", "SMALLEST")
    with pytest.raises(RangeError, match="ignored_iou is"):
        CenterCellMatcher(ignored_iou=1.5)


def test_kit():
    kit.check_assigner(CenterCellMatcher())

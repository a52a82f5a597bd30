"""HAMBox's objective: by hand, and against an oracle in NumPy."""

import kit
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from od_api.box_coders.faster_rcnn_box_coder import FasterRcnnBoxCoder
from od_api.core.errors import ConfigError
from od_api.core.registry import build
from od_api.core.types import Assignment, Predictions, as_priors
from od_api.objectives.regression_aware import RegressionAwareObjective
from od_api.protos import objective_pb2

CODER = FasterRcnnBoxCoder()
FACE = [0.0, 0, 10, 10]
# The focal loss (alpha .25, gamma 2) of p = .6 for a target of 1, and of 0.
FOCAL_1 = 0.0204330
FOCAL_0 = 0.75 * 0.6**2 * -np.log(0.4)


def built(text="", **context):
    message = text_format.Parse(
        f"regression_aware {{ {text} }}", objective_pb2.Objective()
    )
    context = {
        "num_classes": 1,
        "add_background_class": False,
        "box_coder": CODER,
        "image_shape": None,
        "num_levels": None,
        "columns": (),
        **context,
    }
    return build(message, **context)


def wide(*overlaps):
    """Boxes in FACE with these IoU: as high, a part as wide."""
    return np.float32([[0, 0, 10, 10 * share] for share in overlaps])


def predicted(own, online, p=0.6, classes=1):
    """Predictions whose priors are `own`, whose boxes are `online`, [A, 4] both."""
    priors = as_priors(np.float32(own))
    codes = tf.cast(CODER.encode(np.float32(online), priors), tf.float32)[None, :, None]
    count = len(own)
    return Predictions(
        class_logits=tf.fill([1, count, classes], float(np.log(p / (1 - p)))),
        box_codes=codes,
        boxes=tf.stop_gradient(CODER.decode(codes, priors.for_codes())),
        priors=priors,
        columns={},
        image_shape=(100, 100),
        true_shapes=tf.fill([1, 2], 100),
    )


@pytest.mark.parametrize(
    ("own", "online", "value"),
    [
        # Matched by itself.
        ([0.9], [1], FOCAL_1),
        # Mined, F = .8.
        ([0.2], [0.8], 0.8 * FOCAL_1),
        # A negative.
        ([0.2], [0.4], FOCAL_0),
        # Ambiguous: three are matched, so that nothing more is mined.
        ([0.9, 0.9, 0.9, 0.2], [1, 1, 1, 0.6], FOCAL_1),
        # The two kinds have a divisor each: 2 matched, 1 mined.
        ([0.9, 0.9, 0.2], [1, 1, 0.8], FOCAL_1 + 0.8 * FOCAL_1),
        # Negatives are divided by the number of matched.
        ([0.9, 0.9, 0.2], [1, 1, 0.4], FOCAL_1 + FOCAL_0 / 2),
    ],
)
def test_classification(own, online, value):
    losses = built()(predicted(wide(*own), wide(*online)), kit.make_targets([[FACE]]))
    np.testing.assert_allclose(losses["classification_loss"], value, rtol=1e-4)


def test_localization():
    """Each kind of positive is divided by its number: 2 matched, 1 mined."""
    own, online = wide(0.9, 0.9, 0.2), wide(0.8, 0.7, 0.6)
    case = predicted(own, online)
    losses = built()(case, kit.make_targets([[FACE]]))
    wanted = CODER.encode(np.float32([FACE] * 3), as_priors(own)).numpy()
    off = np.abs(case.box_codes[0, :, 0].numpy() - wanted)
    each = np.where(off < 1, off**2 / 2, off - 0.5).sum(axis=1)
    value = each[:2].sum() / 2 + each[2]
    np.testing.assert_allclose(losses["localization_loss"], value, rtol=1e-4)


def test_weights():
    text = "classification_weight: 2 localization_weight: 0"
    case = predicted(wide(0.9), wide(0.8))
    losses = built(text)(case, kit.make_targets([[FACE]]))
    np.testing.assert_allclose(losses["classification_loss"], 2 * FOCAL_1, rtol=1e-4)
    assert losses["localization_loss"] == 0


def test_weights_of_objects_count():
    """An object of weight .5 halves the loss, and the divisor is at least 1."""
    case = predicted(wide(0.9), wide(1))
    losses = built()(case, kit.make_targets([[FACE]], weights=[[0.5]]))
    np.testing.assert_allclose(losses["classification_loss"], FOCAL_1 / 2, rtol=1e-4)


def _iou(a, b):
    height = min(a[2], b[2]) - max(a[0], b[0])
    width = min(a[3], b[3]) - max(a[1], b[1])
    overlap = max(height, 0) * max(width, 0)
    areas = [(x[2] - x[0]) * (x[3] - x[1]) for x in (a, b)]
    return overlap / (sum(areas) - overlap)


class _Given:
    """An assigner that says what it was told."""

    def __init__(self, assignment):
        self.assignment = assignment

    def assign(self, priors, targets, predictions=None):
        return self.assignment


def _random_case(classes=3):
    rng = np.random.default_rng(3)
    objects = kit.random_boxes(rng, 4, size=60)
    boxes = np.repeat(objects, 10, axis=0) + rng.normal(0, 3, (40, 4))
    case = predicted(kit.random_boxes(rng, 40), np.float32(boxes), classes=classes)
    logits = rng.normal(0, 1, (1, 40, classes)).astype(np.float32)
    targets = kit.make_targets([objects], classes=rng.integers(0, classes, (1, 4)))
    label = rng.choice([1, 0, 0, -1], 40)
    mined = (label == 1) & (rng.random(40) < 0.5)
    index = np.where(label == 1, rng.integers(0, 4, 40), 0)
    return case._replace(class_logits=tf.constant(logits)), targets, label, mined, index


def test_against_an_oracle():
    case, targets, label, mined, index = _random_case()
    boxes, objects = case.boxes[0, :, 0].numpy(), targets.boxes[0].numpy()
    table = np.array([[_iou(b, o) for o in objects] for b in boxes])
    quality = table[np.arange(40), index]
    p = 1 / (1 + np.exp(-np.float64(case.class_logits[0])))
    found, divisors = (
        [0.0, 0.0],
        (max(mined.sum(), 1), max(((label == 1) & ~mined).sum(), 1)),
    )
    ambiguous = 0
    for a in range(40):
        if label[a] == -1:
            continue
        if label[a] == 0 and table[a].max() >= 0.5:
            ambiguous += 1
            continue
        truth = np.zeros(3)
        if label[a] == 1:
            truth[targets.classes[0, index[a]]] = 1
        focal = np.where(
            truth == 1,
            -0.25 * (1 - p[a]) ** 2 * np.log(p[a]),
            -0.75 * p[a] ** 2 * np.log(1 - p[a]),
        ).sum()
        found[int(mined[a])] += focal * (quality[a] if mined[a] else 1)
    assert ambiguous > 3 and mined.sum() > 2
    want = found[1] / divisors[0] + found[0] / divisors[1]
    given = Assignment(
        gt_index=tf.constant(index[None], tf.int32),
        label=tf.constant(label[None], tf.int32),
        quality=tf.constant(quality[None], tf.float32),
        mined=tf.constant(mined[None]),
    )
    own = built(num_classes=3)
    losses = RegressionAwareObjective(loss=own.loss, assigner=_Given(given))(
        case, targets
    )
    np.testing.assert_allclose(losses["classification_loss"], want, rtol=1e-4)


def test_quality_passes_no_gradient():
    """Codes learn of the localisation loss alone."""
    own, online = wide(0.2), wide(0.8)
    with tf.GradientTape() as tape:
        case = predicted(own, online)
        codes = case.box_codes
        tape.watch(codes)
        boxes = CODER.decode(codes, case.priors.for_codes())
        losses = built()(case._replace(boxes=boxes), kit.make_targets([[FACE]]))
    gradient = tape.gradient(losses["classification_loss"], codes)
    assert gradient is None or not gradient.numpy().any()


@pytest.mark.parametrize("name", sorted(kit.target_cases()))
def test_every_kind_of_ground_truth(name):
    targets = kit.target_cases()[name]
    rng = np.random.default_rng(0)
    one = predicted(kit.random_boxes(rng, 40), kit.random_boxes(rng, 40))
    case = one._replace(
        class_logits=tf.repeat(one.class_logits, 2, axis=0),
        box_codes=tf.repeat(one.box_codes, 2, axis=0),
        boxes=tf.repeat(one.boxes, 2, axis=0),
        true_shapes=tf.repeat(one.true_shapes, 2, axis=0),
    )

    def losses(logits, codes):
        found = built()(case._replace(class_logits=logits, box_codes=codes), targets)
        return tf.stack([found["localization_loss"], found["classification_loss"]])

    inputs = case.class_logits, case.box_codes
    kit.check_graph(losses, *inputs)
    kit.check_graph(losses, *inputs, jit_compile=True)
    kit.check_gradients(losses, *inputs)


def test_invalid_priors_take_no_part():
    case = predicted(wide(0.9, 0.2), wide(1, 0.4))
    priors = case.priors._replace(valid=tf.constant([True, False]))
    losses = built()(case._replace(priors=priors), kit.make_targets([[FACE]]))
    np.testing.assert_allclose(losses["classification_loss"], FOCAL_1, rtol=1e-4)


@pytest.mark.parametrize("text", ["ambiguous_iou: 0", "classification_weight: -1"])
def test_bad_settings(text):
    with pytest.raises(ConfigError, match=text.split(":")[0]):
        built(text)


def test_columns_are_refused():
    message = text_format.Parse("regression_aware {}", objective_pb2.Objective())
    with pytest.raises(ConfigError, match="makes no use of columns"):
        build(message, required=("columns",), num_classes=1, box_coder=CODER)

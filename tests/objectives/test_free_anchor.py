"""FreeAnchor's objective, against an oracle in NumPy and values by hand."""

import kit
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from od_api.box_coders.faster_rcnn_box_coder import FasterRcnnBoxCoder
from od_api.core.errors import ConfigError
from od_api.core.registry import build
from od_api.core.types import Predictions, as_priors
from od_api.losses.weighted_giou import WeightedGIOULocalizationLoss
from od_api.objectives.free_anchor import FreeAnchorObjective, _log_mean_max
from od_api.protos import objective_pb2

CODER = FasterRcnnBoxCoder()
NAMES = ("positive_bag_loss", "negative_bag_loss")


def objective(classes=3, **options):
    context = {"num_classes": classes, "add_background_class": False}
    return FreeAnchorObjective(**context, box_coder=CODER, **options)


def predictions(logits, codes, priors):
    priors = as_priors(priors)
    codes = tf.cast(codes, tf.float32)[:, :, None]
    boxes = CODER.decode(codes, priors.for_codes())
    return Predictions(
        class_logits=tf.cast(logits, tf.float32),
        box_codes=codes,
        boxes=tf.stop_gradient(boxes),
        priors=priors,
        columns={},
        image_shape=(100, 100),
        true_shapes=tf.fill([len(logits), 2], 100),
    )


def random_case(images=2, anchors=40, classes=3, seed=0):
    """Logits, codes and anchors; `random_targets` lie on some of them."""
    rng = np.random.default_rng(seed)
    priors = kit.random_boxes(rng, anchors)
    logits = rng.normal(-1, 2, (images, anchors, classes)).astype(np.float32)
    codes = rng.normal(0, 0.5, (images, anchors, 4)).astype(np.float32)
    return logits, codes, priors


def random_targets(priors, seed=1, classes=3):
    """Objects near the first anchors; image 0 has four of them, image 1 two."""
    rng = np.random.default_rng(seed)
    boxes = np.stack([priors[:4], priors[4:8]]) + rng.normal(0, 1, (2, 4, 4))
    return kit.make_targets(
        boxes,
        valid=[[1, 1, 1, 1], [1, 1, 0, 0]],
        classes=rng.integers(0, classes, (2, 4)),
    )


def iou(a, b):
    height = min(a[2], b[2]) - max(a[0], b[0])
    width = min(a[3], b[3]) - max(a[1], b[1])
    overlap = max(height, 0) * max(width, 0)
    areas = [(x[2] - x[0]) * (x[3] - x[1]) for x in (a, b)]
    return overlap / (sum(areas) - overlap)


def explained(boxes, objects, classes, shape, t=0.6):
    """E [A, K] of an image, pair by pair."""
    found = np.zeros(shape)
    for box, k in zip(objects, classes, strict=True):
        overlaps = np.array([iou(box, b) for b in boxes])
        best = overlaps.max()
        if best > t:
            share = np.clip((overlaps - t) / (best - t), 0, 1)
            found[:, k] = np.maximum(found[:, k], share)
    return found


def oracle(logits, codes, priors, targets, n=50, fixed=None):
    """(positive, negative) sums over the images, in float64 from the formulas."""
    positive = negative = 0.0
    for i, (x, code) in enumerate(zip(np.float64(logits), codes, strict=True)):
        real = targets.valid[i].numpy() & (targets.weights[i].numpy() > 0)
        objects = targets.boxes[i].numpy()[real]
        classes = targets.classes[i].numpy()[real]
        p_class = 1 / (1 + np.exp(-x))
        for box, k in zip(objects, classes, strict=True):
            overlaps = np.array([iou(box, a) for a in priors])
            bag = np.argsort(-overlaps, kind="stable")[:n]
            wanted = CODER.encode(box[None], priors[bag]).numpy()
            d = np.abs(np.float64(code[bag]) - wanted)
            smooth = np.where(d < 0.11, d**2 / 2 / 0.11, d - 0.11 / 2).sum(axis=1)
            p = p_class[bag, k] * np.exp(-0.75 * smooth)
            positive -= 0.5 * np.log(np.sum(p / (1 - p)) / np.sum(1 / (1 - p)))
        if fixed is None:
            boxes = CODER.decode(code, priors).numpy()
            e = explained(boxes, objects, classes, x.shape)
        else:
            e = fixed[i]
        q = p_class * (1 - e)
        negative -= 0.5 * np.sum(q**2 * np.log(1 - q))
    count = max(1, int(np.sum(targets.valid & (targets.weights > 0))))
    return positive / count, negative / (n * count)


@pytest.mark.parametrize(
    ("p", "value"),
    [([0.1] * 3, 0.1), ([0.1, 0.9], 0.82), ([0.2, 0.5, 0.99], 0.970944)],
)
def test_mean_max(p, value):
    """(.1 / .9 + .9 / .1) / (1 / .9 + 1 / .1) = .82."""
    log_p = np.log(np.float32(p))
    got = _log_mean_max(tf.constant(log_p), tf.ones(len(p), tf.bool))
    np.testing.assert_allclose(np.exp(got), value, rtol=1e-5)


def test_mean_max_of_some():
    log_p = tf.constant(np.log(np.float32([0.1, 0.9, 0.999])))
    got = _log_mean_max(log_p, tf.constant([True, True, False]))
    np.testing.assert_allclose(np.exp(got), 0.82, rtol=1e-5)


@pytest.mark.parametrize("log_p", [[0.0, 0.0], [-500.0, -0.5], [-1e-9, -900.0]])
def test_mean_max_has_finite_gradients(log_p):
    kit.check_gradients(lambda x: _log_mean_max(x, x < 1.0), np.float32(log_p))


def test_saturated_linear():
    """IoU .75, .6 and .9 of .6 and a best of .9: .5, 0 and 1. Boxes 10 high, so wide:
    7.5, 6, 9 of 10; one that is alone below .6 explains nothing."""
    wide = np.float32([[0, 0, 10, w] for w in (7.5, 6, 9)])
    case = predictions(np.zeros([1, 3, 2], np.float32), np.zeros([1, 3, 4]), wide)
    targets = kit.make_targets([[[0, 0, 10, 10], [0, 0, 10, 2]]], classes=[[1, 0]])
    explains = objective(2)._explained(case, targets, targets.valid)
    np.testing.assert_allclose(explains[0, :, 1], [0.5, 0, 1], atol=1e-5)
    np.testing.assert_array_equal(explains[0, :, 0], [0, 0, 0])


def test_loss_of_equal_probabilities():
    """Anchors are the object and codes 0, so P_loc is 1, and p = sigmoid(1)."""
    priors = np.repeat(np.float32([[10, 10, 30, 30]]), 5, axis=0)
    case = predictions(np.ones([1, 5, 3], np.float32), np.zeros([1, 5, 4]), priors)
    targets = kit.make_targets(priors[None, :1])
    losses = objective(bag_size=4)(case, targets)
    np.testing.assert_allclose(
        losses["positive_bag_loss"], 0.5 * np.log(1 + np.exp(-1)), rtol=1e-4
    )


@pytest.mark.parametrize("n", [5, 50])
def test_against_the_oracle(n):
    """A bag of 50 is all 40 anchors; the divisor stays 50."""
    logits, codes, priors = random_case()
    targets = random_targets(priors)
    got = objective(bag_size=n)(predictions(logits, codes, priors), targets)
    assert tuple(got) == NAMES
    want = oracle(logits, codes, priors, targets, n)
    np.testing.assert_allclose([got[name] for name in NAMES], want, rtol=1e-4)
    free = oracle(logits, codes, priors, targets, n, fixed=np.zeros_like(logits))
    # Some boxes do explain objects.
    assert want[1] < free[1] * 0.999


def test_gradients_against_differences_of_the_oracle():
    logits, codes, priors = random_case(anchors=12)
    targets = random_targets(priors)
    fixed = [
        explained(
            CODER.decode(codes[i], priors).numpy(),
            targets.boxes[i].numpy()[targets.valid[i]],
            targets.classes[i].numpy()[targets.valid[i]],
            logits[i].shape,
        )
        for i in range(2)
    ]

    def total(logits, codes):
        return sum(oracle(logits, codes, priors, targets, 5, fixed))

    gradients = kit.check_gradients(
        lambda x, c: sum(
            objective(bag_size=5)(predictions(x, c, priors), targets).values()
        ),
        logits,
        codes,
    )
    step = 1e-4
    for which, gradient in enumerate(gradients):
        for place in [(0, 0, 0), (0, 1, 2), (1, 4, 1), (1, 5, 2), (0, 11, 1)]:
            sides = []
            for sign in (1, -1):
                moved = [np.float64(logits), np.float64(codes)]
                moved[which][place] += sign * step
                sides.append(total(*moved))
            want = (sides[0] - sides[1]) / (2 * step)
            np.testing.assert_allclose(gradient[place], want, rtol=1e-3, atol=1e-6)


def test_boxes_that_explain_get_no_gradient_for_it():
    """Without positives' share the codes have none at all."""
    logits, codes, priors = random_case()
    targets = random_targets(priors)
    with tf.GradientTape() as tape:
        codes = tf.constant(codes)
        tape.watch(codes)
        got = objective()(predictions(logits, codes, priors), targets)
    gradient = tape.gradient(got["negative_bag_loss"], codes)
    assert gradient is None or not gradient.numpy().any()


@pytest.mark.parametrize("name", sorted(kit.target_cases()))
def test_every_kind_of_ground_truth(name):
    """Values are the oracle's; gradients are finite."""
    targets = kit.target_cases()[name]
    logits, codes, priors = random_case()

    def losses(logits, codes):
        got = objective(bag_size=5)(predictions(logits, codes, priors), targets)
        return tf.stack([got[n] for n in NAMES])

    got = kit.check_graph(losses, logits, codes)
    want = oracle(logits, codes, priors, targets, 5)
    np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-6)
    kit.check_gradients(losses, logits, codes)
    wild = np.sign(logits) * 200
    kit.check_gradients(losses, wild, 50 * codes)


def test_weight_0_is_no_object_at_all():
    logits, codes, priors = random_case()
    targets = random_targets(priors)
    case = predictions(logits, codes, priors)
    without = targets._replace(valid=targets.valid & [[True, False, True, True]])
    weights = targets.weights * [[1, 0, 1, 1]]
    kit.assert_same(
        objective()(case, targets._replace(weights=weights)),
        objective()(case, without._replace(weights=weights)),
    )


def test_invalid_priors_take_no_part():
    """As if they were not there."""
    logits, codes, priors = random_case()
    targets = random_targets(priors)
    case = predictions(logits, codes, priors)
    valid = np.arange(40) % 3 > 0
    some = case._replace(priors=case.priors._replace(valid=tf.constant(valid)))
    fewer = predictions(logits[:, valid], codes[:, valid], priors[valid])
    for n in (5, 50):
        kit.assert_same(
            objective(bag_size=n)(some, targets), objective(bag_size=n)(fewer, targets)
        )
    none = case._replace(priors=case.priors._replace(valid=tf.zeros([40], tf.bool)))
    kit.assert_same(objective()(none, targets), dict.fromkeys(NAMES, 0.0))


def test_priors_of_each_image():
    logits, codes, priors = random_case()
    targets = random_targets(priors)
    kit.assert_same(
        objective()(predictions(logits, codes, np.stack([priors, priors])), targets),
        objective()(predictions(logits, codes, priors), targets),
    )


def test_loss_on_boxes():
    """P_loc = exp(-GIoU loss) of the only anchor: it is 1 where the box is right."""
    priors = np.float32([[10, 10, 30, 30]])
    case = predictions(np.ones([1, 1, 3], np.float32), np.zeros([1, 1, 4]), priors)
    options = {
        "localization_loss": WeightedGIOULocalizationLoss(),
        "localization_weight": 2.0,
    }
    for box, loss in (([10, 10, 30, 30], 0.0), ([10, 10, 20, 30], 0.5)):
        got = objective(**options)(case, kit.make_targets([[box]]))
        want = 0.5 * (np.log(1 + np.exp(-1)) + 2 * loss)
        np.testing.assert_allclose(got["positive_bag_loss"], want, rtol=1e-4)


def test_xla():
    logits, codes, priors = random_case()
    targets = random_targets(priors)

    def losses(logits, codes):
        return objective()(predictions(logits, codes, priors), targets)

    kit.check_graph(losses, logits, codes, jit_compile=True)


def _built(fields="", background=False):
    message = text_format.Parse(
        f"free_anchor {{ {fields} }}", objective_pb2.Objective()
    )
    context = {"num_classes": 3, "add_background_class": background}
    return build(message, **context, box_coder=CODER, image_shape=None, columns=())


def test_field():
    """The loss that is not set is the published one: .75 of it at .11."""
    part = _built("bag_size: 7")
    assert part.bag_size == 7
    loss = part.localization_weight * part.localization_loss([[0.11]], [[0.0]])
    np.testing.assert_allclose(loss, [0.75 * 0.11 / 2], rtol=1e-5)
    on_boxes = _built("localization_loss { weighted_giou {} }").localization_loss
    assert on_boxes.on_boxes


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ("bag_size: 0", "bag_size: is 0"),
        ("iou_threshold: 1", "iou_threshold: is 1"),
        ("alpha: 2", "alpha: is 2"),
        ("gamma: -1", "gamma: is -1"),
        ("localization_weight: -1", "localization_weight: is -1"),
    ],
)
def test_refused(fields, message):
    with pytest.raises(ConfigError, match=message):
        _built(fields)


def test_background_class_is_refused():
    """SSD's, and that of the stages of Faster R-CNN, which do not mention it."""
    with pytest.raises(ConfigError, match="add_background_class: false"):
        _built(background=True)
    message = objective_pb2.Objective(free_anchor={})
    with pytest.raises(ConfigError, match="from sigmoids"):
        build(message, num_classes=1, num_levels=5, box_coder=CODER)

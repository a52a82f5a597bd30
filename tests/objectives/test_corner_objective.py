"""CornerNet's losses, by hand and against NumPy written from the formulas."""

import kit
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from od_api.core import registry
from od_api.core.errors import ConfigError
from od_api.objectives.corner_objective import embedding_losses
from od_api.protos import keypoints_pb2

K, H, W, STRIDE = 3, 12, 10, 4
# Rows and columns of 48 x 40 pixels; the last two are one class, at one place nearly.
BOXES = np.float32(
    [
        [[3, 5, 30, 33], [8, 4, 40, 20], [9, 5, 44, 38], [0, 0, 48, 40]],
        [[10, 10, 20, 30], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]],
    ]
)
CLASSES = [[0, 2, 2, 1], [1, 0, 0, 0]]
VALID = [[1, 1, 1, 1], [1, 0, 0, 0]]


def build(text=""):
    message = text_format.Parse(text, keypoints_pb2.CornerObjective())
    return registry.build(message, num_classes=K)


def make_maps(seed=0, images=2):
    rng = np.random.default_rng(seed)
    widths = {"heat": K, "embedding": 1, "offset": 2}
    return {
        f"{corner}_{kind}": tf.constant(rng.normal(size=(images, H, W, n)), tf.float32)
        for corner in ("top_left", "bottom_right")
        for kind, n in widths.items()
    }


def make_targets(**changes):
    return kit.make_targets(BOXES, valid=VALID, classes=CLASSES)._replace(**changes)


def radius(h, w, t):
    r1 = ((h + w) - np.sqrt((h + w) ** 2 - 4 * h * w * (1 - t) / (1 + t))) / 2
    r2 = (2 * (h + w) - np.sqrt(4 * (h + w) ** 2 - 16 * (1 - t) * h * w)) / 8
    root = np.sqrt(4 * t**2 * (h + w) ** 2 + 16 * t * (1 - t) * h * w)
    return min(r1, r2, (-2 * t * (h + w) + root) / (8 * t))


def heat_of(image, corner, overlap=0.3, integer=False):
    """[H, W, K] by loops."""
    heat = np.zeros((H, W, K))
    for box, kind, real in zip(BOXES[image], CLASSES[image], VALID[image], strict=True):
        if not real:
            continue
        y, x = (box[:2] if corner == "top_left" else box[2:]) / STRIDE
        y, x = min(int(y), H - 1), min(int(x), W - 1)
        r = radius(*((box[2:] - box[:2]) / STRIDE), overlap)
        r = np.floor(r) if integer else r
        sigma = (2 * r + 1) / 6 if integer else r / 3
        for i in range(H):
            for j in range(W):
                if integer and max(abs(i - y), abs(j - x)) > r:
                    continue
                here = np.exp(-((i - y) ** 2 + (j - x) ** 2) / (2 * sigma**2))
                heat[i, j, kind] = max(heat[i, j, kind], here)
    return heat


def expected(maps, integer=False):
    """{loss: value} by loops over images, objects and cells."""
    count = np.sum(VALID)
    heat_loss = offset_loss = 0.0
    for corner, part in (("top_left", slice(0, 2)), ("bottom_right", slice(2, 4))):
        for b in range(2):
            y = heat_of(b, corner, integer=integer)
            p = 1 / (1 + np.exp(-maps[f"{corner}_heat"][b].numpy().astype(float)))
            at_peak = -((1 - p) ** 2) * np.log(p)
            elsewhere = -((1 - y) ** 4) * p**2 * np.log(1 - p)
            heat_loss += np.where(y == 1, at_peak, elsewhere).sum() / count
            for box, real in zip(BOXES[b], VALID[b], strict=True):
                place = box[part] / STRIDE
                cell = np.minimum(place.astype(int), [H - 1, W - 1])
                found = maps[f"{corner}_offset"][b].numpy()[tuple(cell)]
                away = np.abs(found - (place - cell))
                smooth = np.where(away < 1, 0.5 * away**2, away - 0.5).sum()
                offset_loss += real * smooth / count
    return {"heat_loss": heat_loss, "offset_loss": offset_loss}


@pytest.mark.parametrize("integer", [False, True])
def test_heat_and_offsets_equal_the_formulas(integer):
    maps = make_maps()
    objective = build(f"integer_radius: {str(integer).lower()}")
    found = kit.check_graph(lambda m: objective(m, make_targets(), STRIDE), maps)
    want = expected(maps, integer)
    for name, value in want.items():
        assert float(found[name]) == pytest.approx(value, rel=1e-5), name


def test_values_of_the_embeddings():
    """Means 1.1 and 2.8, squares .01 + .01 + .04 + .04 over 2; they are far apart."""
    pull, push = embedding_losses(
        tf.constant([[1.0, 3.0]]), tf.constant([[1.2, 2.6]]), tf.ones([1, 2])
    )
    assert float(pull) == pytest.approx(0.05) and float(push) == 0.0


def test_means_that_are_near_are_pushed():
    """1.1 and 1.6: 1 - .5, of both orders of the pair, over 2 * 1."""
    tags = tf.constant([[1.1, 1.6, 9.0]])
    pull, push = embedding_losses(tags, tags, tf.constant([[1.0, 1.0, 0.0]]))
    assert float(pull) == 0.0 and float(push) == pytest.approx(0.5)


def test_one_object_has_nothing_to_be_pushed_from_and_no_image_counts_in_vain():
    """The second image is empty: the mean is the first one's."""
    tags, weights = tf.constant([[1.0], [5.0]]), tf.constant([[1.0], [0.0]])
    pull, push = embedding_losses(tags, tags + 1.0, weights)
    assert float(pull) == pytest.approx(0.5) and float(push) == 0.0


def test_values_of_the_focal_loss():
    """p = .9 at a corner: .01 * .105361; p = .1 at heat .5: .0625 * .01 * .105361."""
    loss = build().heat_loss
    logits = np.log([9.0, 1 / 9]).astype(np.float32)
    found = loss(logits, np.float32([1.0, 0.5]))
    np.testing.assert_allclose(found, [0.00105361, 6.585e-5], rtol=1e-3)


def test_weights_multiply():
    maps, targets = make_maps(), make_targets()
    plain = build("pull_weight: 1 push_weight: 1")(maps, targets, STRIDE)
    default = build()(maps, targets, STRIDE)
    for name, factor in (("heat", 1), ("pull", 0.1), ("push", 0.1), ("offset", 1)):
        want = factor * float(plain[f"{name}_loss"])
        assert float(default[f"{name}_loss"]) == pytest.approx(want, rel=1e-5)


def gradients(targets):
    maps = make_maps()
    with tf.GradientTape() as tape:
        tape.watch(maps)
        total = tf.add_n(list(build()(maps, targets, STRIDE).values()))
    return tape.gradient(total, maps)


def test_cells_of_ignored_boxes_learn_nothing():
    """The fourth box of the first image covers all: only corners of others learn."""
    ignored = tf.constant([[False, False, False, True], [False] * 4])
    found = gradients(make_targets(ignored=ignored))
    for corner, cells in (
        ("top_left", [(0, 1), (2, 1), (2, 1)]),
        ("bottom_right", [(7, 8), (10, 5), (11, 9)]),
    ):
        at_corner = np.zeros((H, W, K), bool)
        for (i, j), kind in zip(cells, CLASSES[0][:3], strict=True):
            at_corner[i, j, kind] = True
        moved = found[f"{corner}_heat"].numpy()[0] != 0
        np.testing.assert_array_equal(moved, at_corner)
        assert (found[f"{corner}_heat"].numpy()[1] != 0).any()
        tags = found[f"{corner}_embedding"].numpy()[0, ..., 0] != 0
        assert not tags[~at_corner.any(-1)].any()


def test_objects_of_weight_0_learn_nothing():
    weights = tf.constant([[1.0, 1, 1, 0], [1, 0, 0, 0]])
    found = gradients(make_targets(weights=weights))
    assert found["bottom_right_heat"][0, 11, 9, 1] == 0.0
    assert found["bottom_right_offset"][0, 11, 9, 0] != 0.0  # the third's


def test_nothing_to_find():
    """Without ground truth, and with padding alone: heat is learnt, nothing else."""
    maps = make_maps()
    for name in ("no_ground_truth", "all_padding"):
        losses = build()(maps, kit.target_cases()[name], STRIDE)
        assert losses["heat_loss"] > 0
        assert losses["pull_loss"] == losses["push_loss"] == losses["offset_loss"] == 0


@pytest.mark.parametrize("name", kit.target_cases())
def test_gradients_are_finite(name):
    targets = kit.target_cases()[name]
    maps = make_maps()
    with tf.GradientTape() as tape:
        tape.watch(maps)
        losses = build()(maps, targets.with_longest(), 8)
        total = tf.add_n(list(losses.values()))
    for gradient in tape.gradient(total, maps).values():
        assert gradient is None or np.isfinite(tf.convert_to_tensor(gradient)).all()


def test_padding_changes_nothing_and_xla_compiles_it():
    maps, objective = make_maps(), build()
    want = objective(maps, make_targets(), STRIDE)
    wider = {
        name: tf.pad(getattr(make_targets(), name), [[0, 0], [0, 3], *more])
        for name, more in (
            ("boxes", [[0, 0]]),
            ("classes", []),
            ("weights", []),
            ("valid", []),
        )
    }
    kit.assert_same(objective(maps, make_targets(**wider), STRIDE), want)
    kit.check_graph(
        lambda m: objective(m, make_targets(), STRIDE), maps, jit_compile=True
    )


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ("min_overlap: 0", "min_overlap", "must be above 0 and at most 1"),
        ("min_overlap: 1.5", "min_overlap", "must be above 0"),
        ("pull_weight: -1", "pull_weight", "is -1"),
        ("offset_loss { weighted_iou {} }", "offset_loss", "is of boxes"),
        ("heat_loss {}", "heat_loss", "is empty: set one of"),
    ],
)
def test_refused(text, place, problem):
    with pytest.raises(ConfigError, match=problem) as caught:
        build(text)
    assert caught.value.field_path == place

"""Supervision of lateral maps: its losses, weights, and that nothing else changes."""

import numpy as np
import pytest
import tensorflow as tf
import two_stage_kit as kit

from od_api.core.errors import ConfigError

SET = "consistent_supervision {}"
NAMES = [
    "ConsistentSupervisionLoss/localization_loss",
    "ConsistentSupervisionLoss/classification_loss",
]


def predicted(model, truth):
    return model.call(
        kit.images(), truth.true_shapes, training=True, targets=truth, seed=kit.SEED
    )


def test_levels_are_the_laterals_and_the_head_is_one():
    """M2 to M5; P6 has no lateral. One set of weights serves all four (T80)."""
    model = kit.detector("faster_rcnn_fpn", SET)
    assert model.supervision.levels == ("M2", "M3", "M4", "M5")
    own = [key for key in model.parts if key.startswith("supervision_")]
    assert own == ["supervision_head", "supervision_regions"]
    for key in own:
        mine, others = model.parts[key], model.parts[key.removeprefix("supervision_")]
        assert mine is not others
        shapes = [[w.shape for w in part.weights] for part in (mine, others)]
        assert shapes[0] == shapes[1]


def test_losses_are_the_formula():
    """lambda (L_cls + [t > 0] L_loc), each over all samples of all four maps.

    Cross-entropy and smooth L1 of code against code, written out in NumPy; an image's
    sum is divided by its samples, and images and levels are averaged.
    """
    model = kit.detector("faster_rcnn_fpn", "consistent_supervision { loss_weight: 3 }")
    truth = kit.targets()
    found = predicted(model, truth)
    assert len(found.supervised) == 4
    expected = np.zeros(2)
    for one in found.supervised:
        boxes, valid = one.priors.boxes.numpy(), one.priors.valid.numpy()
        overlaps = overlaps_of(boxes[:, :, None], truth.boxes.numpy()[:, None])
        best, positive = overlaps.argmax(-1), overlaps.max(-1) >= 0.5
        for image in range(2):
            mine = np.take_along_axis(
                truth.boxes[image].numpy(), best[image][:, None], axis=0
            )
            classes = truth.classes.numpy()[image][best[image]]
            logits = one.class_logits[image].numpy().astype(np.float64)
            label = np.where(positive[image], classes + 1, 0)
            log_sum = np.log(np.exp(logits).sum(-1))
            rows = np.arange(len(label))
            cross = log_sum - logits[rows, label]
            codes = one.box_codes[image].numpy()[rows, classes]
            error = np.abs(codes - encoded(mine, boxes[image]))
            smooth = np.where(error < 1, 0.5 * error**2, error - 0.5).sum(-1)
            counts = valid[image]
            expected += [
                (smooth * positive[image] * counts).sum() / counts.sum(),
                (cross * counts).sum() / counts.sum(),
            ]
    losses = model.losses(found, truth, kit.SEED)
    got = [float(losses[name]) for name in NAMES]
    np.testing.assert_allclose(got, 3 * expected / (2 * 4), rtol=1e-4)


def overlaps_of(one, other):
    """IoU of boxes [..., 4], 0 of those without area."""
    low, high = (
        np.maximum(one[..., :2], other[..., :2]),
        np.minimum(one, other)[..., 2:],
    )
    both = np.prod(np.maximum(high - low, 0), -1)
    areas = [np.prod(x[..., 2:] - x[..., :2], -1) for x in (one, other)]
    return both / np.maximum(areas[0] + areas[1] - both, 1e-9)


def encoded(boxes, priors):
    """Scales 10, 10, 5, 5 of centre offsets and logs of sides."""
    box_side, side = boxes[:, 2:] - boxes[:, :2], priors[:, 2:] - priors[:, :2]
    side = np.maximum(side, 1e-6)
    offset = (boxes[:, :2] + boxes[:, 2:] - priors[:, :2] - priors[:, 2:]) / 2
    return np.concatenate([10 * offset / side, 5 * np.log(box_side / side)], -1)


def test_weight_zero_is_the_detector_without():
    """The other losses are the same to the bit (T80)."""
    truth = kit.targets()
    plain = kit.detector("faster_rcnn_fpn")
    model = kit.detector("faster_rcnn_fpn", "consistent_supervision { loss_weight: 0 }")
    kit.copy_weights(plain, model)
    before, losses = (
        one.losses(predicted(one, truth), truth, kit.SEED) for one in (plain, model)
    )
    assert [float(losses[name]) for name in NAMES] == [0, 0]
    assert list(losses) == [*before, *NAMES]
    for name, value in before.items():
        assert float(losses[name]) == float(value)


def test_gradients_reach_laterals_and_the_head_of_its_own():
    """Of its losses alone: not the smoothing, not the head of the detections."""
    model = kit.detector("faster_rcnn_fpn", SET)
    truth = kit.targets()
    watched = {
        name: model.parts[part].trainable_variables
        for name, part in {
            "own": "supervision_head",
            "head": "head",
            "neck": "neck",
        }.items()
    }
    with tf.GradientTape() as tape:
        losses = model.losses(predicted(model, truth), truth, kit.SEED)
        total = tf.add_n([losses[name] for name in NAMES])
    values = {n: [v.value for v in some] for n, some in watched.items()}
    found = tape.gradient(total, values)
    assert all(g is not None for g in found["own"])
    assert all(g is None for g in found["head"])
    reached = {
        v.path.split("/")[1]
        for v, g in zip(watched["neck"], found["neck"], strict=True)
        if g is not None
    }
    assert reached == {f"lateral_P{n}" for n in (2, 3, 4, 5)}


def test_inference_has_no_trace():
    """The same ops, and none of the further variables (T80)."""

    def graph(model):
        def run(x):
            return model.detect(model.call(x, tf.constant([[kit.SIZE] * 2])))

        spec = tf.TensorSpec([1, kit.SIZE, kit.SIZE, 3])
        return tf.function(run, autograph=False).get_concrete_function(spec)

    model = kit.detector("faster_rcnn_fpn", SET)
    plain, made = (graph(m) for m in (kit.detector("faster_rcnn_fpn"), model))
    ops = [[op.type for op in one.graph.get_operations()] for one in (plain, made)]
    assert ops[0] == ops[1]
    read = {id(handle) for handle in made.captured_inputs}
    for key in ("supervision_head", "supervision_regions"):
        for variable in model.parts[key].variables:
            assert id(variable.value.handle) not in read
    truth = kit.targets()
    evaluated = model.call(kit.images(), truth.true_shapes)
    assert not any(n in NAMES for n in model.losses(evaluated, truth, kit.SEED))


def test_some_levels_soft_selection_and_the_static_form():
    """With soft_levels the laterals are read one by one, by what it reads each with."""
    edit = "region_operator { soft_levels { depth: 8 } } consistent_supervision { %s }"
    model = kit.detector("faster_rcnn_fpn", edit % 'levels: ["M3", "M5"]')
    assert model.supervision.levels == ("M3", "M5")
    assert "region_operator" in model.parts
    assert "supervision_region_operator" not in model.parts
    truth = kit.targets()
    native, _ = kit.training_losses(model, truth)
    static, _ = kit.training_losses(model.static(), truth)
    for name in NAMES:
        assert float(static[name]) == pytest.approx(float(native[name]), rel=1e-4)


@pytest.mark.parametrize(
    ("name", "edit", "place", "message"),
    [
        ("faster_rcnn", SET, "consistent_supervision", "no neck that hands out any"),
        (
            "faster_rcnn_fpn",
            'consistent_supervision { levels: ["M2", "P2"] }',
            "consistent_supervision.levels[1]",
            "hands out no 'P2', but M2, M3, M4, M5",
        ),
        (
            "faster_rcnn_fpn",
            'consistent_supervision { levels: ["M2", "M2"] }',
            "consistent_supervision.levels[1]",
            "named twice",
        ),
        ("rpn", SET, "consistent_supervision", "no regions are read"),
        (
            "faster_rcnn_fpn",
            "consistent_supervision { loss_weight: -1 }",
            "consistent_supervision.loss_weight",
            "at least 0",
        ),
    ],
)
def test_what_is_refused(name, edit, place, message):
    with pytest.raises(ConfigError, match=message) as caught:
        kit.detector(name, edit)
    assert caught.value.field_path == f"model.faster_rcnn.{place}"

"""Levels of keypoints: objects, losses and boxes of each, and of a whole detector."""

import kit
import numpy as np
import pytest
import tensorflow as tf
import tiny_compositions
from google.protobuf import text_format

from od_api.core.errors import ConfigError
from od_api.core.registry import build_field
from od_api.core.types import Grouped
from od_api.detectors.keypoint_levels import Layers, Stacks
from od_api.protos import pipeline_pb2

MATRIX = """
  backbone { mobilenet_v1 {
    depth_multiplier: 0.25
    conv_hyperparams { batch_norm { decay: 0.9 } }
  } }
  neck { matrix_net { steps: 1 neck { fpn { min_level: 3 max_level: 4 depth: 16 } } } }
  level_objects { matrix_objects { base_size: 16 } }
  head { corner_to_center_head { depth: 16 num_layers_before_predictor: 1 } }
  objective { corner_to_center_objective {} }
  grouping { corner_to_center_grouping { top_k: 5 max_boxes: 20 } }
"""


class OfHeight:
    """Level 0 is for boxes up to 30 pixels high, level 1 for those from 20 on."""

    def belong(self, boxes, number):
        height = boxes[..., 2] - boxes[..., 0]
        return (height <= 30) if number == 0 else (height >= 20)


TARGETS = kit.make_targets(
    [[[0, 0, 10, 10], [0, 0, 25, 10], [0, 0, 50, 10], [0, 0, 60, 60]]],
    weights=[[1.0, 1.0, 2.0, 1.0]],
)._replace(ignored=tf.constant([[False, False, False, True]]))


def test_layers_learn_their_own_objects():
    """Of heights 10, 25 and 50, and an ignored one, which is everybody's.

    The second counts twice, and the third weighs 2: 5 pairs.
    """
    seen = []

    def objective(maps, targets, stride, divisor):
        seen.append((maps, targets.objects.numpy().tolist(), stride, float(divisor)))
        assert bool(targets.ignored[0, 3] & targets.valid[0, 3])
        return {"a": tf.constant(float(len(seen))), "b": tf.constant(1.0)}

    layers = Layers({"P3": 8, "P3_P4": (8, 16)}, OfHeight())
    losses = layers.losses(objective, {"P3": "m", "P3_P4": "n"}, TARGETS)
    assert seen == [
        ("m", [[True, True, False, False]], 8, 5.0),
        ("n", [[False, True, True, False]], (8, 16), 5.0),
    ]
    # Added up, where stacks are averaged.
    assert {name: float(loss) for name, loss in losses.items()} == {"a": 3.0, "b": 2.0}


def test_stacks_learn_all_objects_and_the_last_is_grouped():
    stacks = Stacks({"s1": 4, "s2": 4})
    losses = stacks.losses(
        lambda maps, targets, stride: {"a": tf.constant(maps * stride)},
        {"s1": 1.0, "s2": 2.0},
        TARGETS,
    )
    assert float(losses["a"]) == 6.0
    assert stacks.grouped(lambda maps, stride: (maps, stride), {"s1": 1, "s2": 2}) == (
        2,
        4,
    )


def test_the_best_of_all_layers_go_on():
    """Level 0 finds heights 25 (.9) and 50 (.8), which is not its own; level 1 heights
    25 (.7) and 10 (.6), not its own, either. As many are left as one level made."""
    made = {
        "m": ([[0, 0, 25, 9], [0, 0, 50, 9]], [0.9, 0.8]),
        "n": ([[1, 1, 26, 9], [0, 0, 10, 9]], [0.7, 0.6]),
    }

    def grouping(maps, stride):
        boxes, scores = made[maps]
        tag = tf.fill([1, 2, 1], float(stride))
        scores = tf.constant(scores)[None, :, None] * tf.constant([0.0, 1.0])
        return Grouped(
            tf.constant([boxes], tf.float32), scores, scores[..., 1] > 0, {"x": tag}
        )

    layers = Layers({"P3": 8, "P4": 16}, OfHeight())
    found = layers.grouped(grouping, {"P3": "m", "P4": "n"})
    np.testing.assert_array_equal(found.boxes, [[[0, 0, 25, 9], [1, 1, 26, 9]]])
    np.testing.assert_allclose(found.scores, [[[0, 0.9], [0, 0.7]]])
    assert found.valid.numpy().all()
    assert found.columns["level"].numpy().ravel().tolist() == [0, 1]
    assert found.columns["x"].numpy().ravel().tolist() == [8, 16]


def _detector(edit="", clear=()):
    config = pipeline_pb2.TrainEvalPipelineConfig()
    text_format.Parse(tiny_compositions.MODELS["corners"], config)
    for field in ("backbone", "head", "objective", "grouping", *clear):
        config.model.keypoints.ClearField(field)
    text_format.Merge(MATRIX, config.model.keypoints)
    for field in clear:
        config.model.keypoints.ClearField(field)
    text_format.Merge(edit, config.model.keypoints)
    return build_field(config, "model")


IMAGES = 255 * tf.random.stateless_uniform([1, 97, 131, 3], kit.SEED)
SHAPES = tf.constant([[97, 131]])


def test_a_matrix_of_an_odd_size():
    """Losses and gradients are finite, and every layer's maps fit its stride."""
    detector = _detector()
    assert detector.reading.levels == ("P3", "P3_P4", "P4_P3", "P4")
    truth = kit.make_targets([[[5, 5, 30, 90], [20, 40, 60, 60]]])
    truth = truth._replace(true_shapes=SHAPES)
    weights = [v for p in detector.parts.values() for v in p.trainable_weights]
    with tf.GradientTape() as tape:
        made = detector.call(IMAGES, SHAPES, training=True)
        losses = detector.losses(made, truth)
        total = tf.add_n(list(losses.values()))
    assert list(losses) == ["heat_loss", "offset_loss", "center_loss"]
    assert all(loss > 0 for loss in losses.values())
    for gradient in tape.gradient(total, [v.value for v in weights]):
        assert gradient is None or np.isfinite(gradient).all()
    made = detector.call(IMAGES, SHAPES)
    assert made.maps["P3_P4"]["top_left_heat"].shape == (1, 13, 9, 5)
    assert made.grouped.boxes.shape == (1, 20, 4)
    found = detector.candidates(made)
    assert set(found.columns) == {"level", "prior"}
    assert np.isfinite(detector.detect(made).boxes).all()


def test_it_learns_one_image():
    """A wide, a high and a small rectangle on black: all are found, and nothing else.

    24 x 60 is of the layer of wide cells alone, since 24 is below .8 * 32 px, 64 x 24
    of that of high ones, 20 x 20 of the first.
    """
    boxes = np.float32([[8, 8, 32, 68], [44, 12, 108, 36], [64, 72, 84, 92]])
    image = np.zeros([1, 128, 128, 3], np.float32)
    for n, (top, left, bottom, right) in enumerate(boxes.astype(int)):
        image[0, top:bottom, left:right, n] = 255.0
    truth = kit.make_targets(boxes[None], classes=[[0, 1, 2]], size=128)
    truth = truth._replace(true_shapes=tf.constant([[128, 128]]))
    tf.keras.utils.set_random_seed(1)
    detector = _detector()
    weights = [v for p in detector.parts.values() for v in p.trainable_weights]
    optimizer = tf.keras.optimizers.Adam(0.003)
    optimizer.build(weights)
    images = tf.constant(image)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            made = detector.call(images, truth.true_shapes, training=True)
            total = tf.add_n(list(detector.losses(made, truth).values()))
        optimizer.apply_gradients(
            zip(tape.gradient(total, [v.value for v in weights]), weights, strict=True)
        )
        return total

    losses = [float(step()) for _ in range(100)]
    assert losses[-1] < 0.1 * losses[0], losses[::10]
    found = detector.detect(detector.call(images, truth.true_shapes))
    count = int(tf.reduce_sum(tf.cast(found.scores > 0.5, tf.int32)))
    assert count == 3
    order = np.argsort(found.classes[0, :3])
    np.testing.assert_allclose(found.boxes.numpy()[0, :3][order], boxes, atol=2.0)


@pytest.mark.parametrize(
    ("edit", "clear", "place", "problem"),
    [
        ("", ["level_objects"], "neck", "P3_P4 has cells of 8 x 16 pixels"),
        (
            "neck { fpn { min_level: 3 max_level: 4 depth: 16 } } levels: ['P3', 'P4']",
            ["neck", "level_objects"],
            "levels",
            "or say in level_objects",
        ),
        (
            "level_objects { matrix_objects { base_size: 0 } }",
            [],
            "level_objects.matrix_objects.base_size",
            "must be",
        ),
        (
            "level_objects {}",
            ["level_objects"],
            "level_objects",
            "is empty: set one of matrix_objects",
        ),
        ("levels: ['P3', 'P5']", [], "levels[1]", "there is no map 'P5'"),
        (
            "backbone { hourglass { num_stacks: 2 depths: [8, 8] blocks: [1, 1] } }",
            ["backbone", "neck"],
            "level_objects.matrix_objects",
            r"strides of \[4, 4\] are not those of different layers",
        ),
    ],
)
def test_refused(edit, clear, place, problem):
    with pytest.raises(ConfigError, match=problem) as caught:
        _detector(edit, clear)
    assert caught.value.field_path == f"model.keypoints.{place}"

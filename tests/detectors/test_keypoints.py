"""Detectors of keypoints: levels, losses of all of them, boxes, and what is refused."""

import numpy as np
import pytest
import tensorflow as tf
import tiny_compositions
from google.protobuf import text_format
from kit import SEED, make_targets

from od_api.core.errors import ConfigError
from od_api.core.registry import build_field
from od_api.protos import pipeline_pb2

IMAGES = 255 * tf.random.stateless_uniform([2, 128, 128, 3], SEED)
SHAPES = tf.constant([[128, 128], [100, 128]])


def message(edit="", clear=()):
    config = pipeline_pb2.TrainEvalPipelineConfig()
    text_format.Parse(tiny_compositions.MODELS["corners"], config)
    config.model.keypoints.backbone.hourglass.num_stacks = 2
    for field in clear:
        config.model.keypoints.ClearField(field)
    text_format.Merge(edit, config.model.keypoints)
    return config


def detector(edit="", clear=()):
    return build_field(message(edit, clear), "model")


@pytest.fixture(scope="module")
def corners():
    return detector()


def test_what_it_says_of_itself(corners):
    assert corners.candidates_are_ranked and corners.finds_boxes
    assert corners.options == {}
    assert list(corners.parts) == ["backbone", "head"]
    assert corners.reading.levels == ("stack_1", "stack_2")
    assert corners.reading.stride == 4


def test_losses_are_the_mean_of_all_stacks(corners):
    truth = make_targets([[[20, 20, 60, 80]]] * 2, size=128)
    predictions = corners.call(IMAGES, SHAPES, training=True)
    assert predictions.grouped is None
    losses = corners.losses(predictions, truth)
    assert list(losses) == ["heat_loss", "pull_loss", "push_loss", "offset_loss"]
    own = [
        corners.objective(predictions.maps[n], truth, 4) for n in corners.reading.levels
    ]
    for name, value in losses.items():
        assert float(value) == pytest.approx(
            float(own[0][name] + own[1][name]) / 2, rel=1e-5
        )


def test_every_stack_is_supervised(corners):
    """Each weight but those of the heads of the other stack gets a gradient."""
    truth = make_targets([[[20, 20, 60, 80], [4, 4, 90, 90]]] * 2, size=128)
    weights = [v for p in corners.parts.values() for v in p.trainable_weights]
    with tf.GradientTape() as tape:
        predictions = corners.call(IMAGES, SHAPES, training=True)
        total = tf.add_n(list(corners.losses(predictions, truth).values()))
    gradients = tape.gradient(total, [v.value for v in weights])
    assert [v.path for v, g in zip(weights, gradients, strict=True) if g is None] == []
    assert all(np.isfinite(g).all() for g in gradients)


def test_detections_are_of_the_grouped_boxes(corners):
    predictions = corners.call(IMAGES, SHAPES)
    boxes, scores = corners.decode(predictions), corners.scores(predictions)
    assert boxes.shape == (2, 100, 4) and scores.shape == (2, 100, 5)
    # Ranked, and each box in the column of its own class alone.
    best = tf.reduce_max(scores, axis=-1).numpy()
    assert (np.diff(best, axis=1) <= 0).all()
    assert ((scores.numpy() > 0).sum(-1) <= 1).all()
    found = corners.detect(predictions)
    assert found.boxes.shape == (2, 20, 4)
    for i in range(2):
        limit = np.array([*SHAPES[i].numpy()] * 2)
        for n in range(int(found.count[i])):
            own = boxes[i, int(found.anchor_indices[i, n])]
            np.testing.assert_allclose(
                found.boxes[i, n], np.clip(own, 0, limit), atol=1e-3
            )


def test_padding_of_an_image_is_blank(corners):
    """What stands in the padding plays no part."""
    other = tf.tensor_scatter_nd_update(IMAGES, [[1, 110, 5, 0]], [99.0])
    one, two = (corners.call(x, SHAPES) for x in (IMAGES, other))
    np.testing.assert_array_equal(corners.decode(one), corners.decode(two))


def test_one_level_of_a_neck_is_read():
    made = detector(
        "backbone { mobilenet_v1 { depth_multiplier: 0.25 } } "
        "neck { fpn { min_level: 3 max_level: 5 depth: 16 } }",
        clear=["backbone"],
    )
    assert made.reading.levels == ("P3",) and made.reading.stride == 8
    assert list(made.parts) == ["backbone", "neck", "head"]
    assert made.call(IMAGES, SHAPES).maps["P3"]["top_left_heat"].shape[1:] == (
        16,
        16,
        5,
    )


def test_batch_norm_is_frozen_if_asked():
    made = detector("freeze_batchnorm: true")
    trained = [v.path for p in made.parts.values() for v in p.trainable_weights]
    assert trained and not any("norm" in path for path in trained)


FPN = "neck { fpn { min_level: 3 max_level: 5 depth: 16 } }"


@pytest.mark.parametrize(
    ("edit", "clear", "place", "problem"),
    [
        ("", ["image_resizer"], "image_resizer", "is not set in Keypoints"),
        ("", ["backbone"], "backbone", "is not set in Keypoints"),
        ("", ["head"], "head", "is not set in Keypoints"),
        ("", ["objective"], "objective", "is not set in Keypoints"),
        ("", ["grouping"], "grouping", "is not set in Keypoints"),
        ("", ["post_processing"], "post_processing", "is not set in Keypoints"),
        ("", ["num_classes"], "num_classes", "must be at least 1"),
        ("num_classes: -3", [], "num_classes", "is -3"),
        (FPN, [], "neck", "the backbone has no C3, but stack_1, stack_2"),
        ("levels: 'stack_3'", [], "levels[0]", "there is no map 'stack_3'"),
        ("levels: ['stack_1', 'stack_1']", [], "levels[1]", "names stack_1 twice"),
        (
            "backbone { mobilenet_v1 { depth_multiplier: 0.25 } } levels: ['C4', 'C5']",
            ["backbone"],
            "levels",
            "are of one: name maps of equal stride",
        ),
        (
            "backbone { mobilenet_v1 { depth_multiplier: 0.25 second_stage: true } }",
            ["backbone"],
            "backbone",
            "has a second_stage",
        ),
        (
            "grouping { corner_grouping { top_k: 0 } }",
            [],
            "grouping.corner_grouping.top_k",
            "is 0; it must be in 1",
        ),
        ("grouping {}", ["grouping"], "grouping", "is empty: set one of"),
        (
            "post_processing { score_converter: SIGMOID }",
            [],
            "post_processing.score_converter",
            "the grouping has made them already",
        ),
        (
            "post_processing { suppression { adaptive_nms {} } }",
            [],
            "post_processing.suppression",
            "which this model has not",
        ),
    ],
)
def test_refused(edit, clear, place, problem):
    with pytest.raises(ConfigError, match=problem) as caught:
        detector(edit, clear)
    assert caught.value.field_path == f"model.keypoints.{place}"

"""SSD: what it hands on of its stage, and what it refuses."""

import numpy as np
import pytest
import tensorflow as tf
import tiny
from google.protobuf import text_format

from od_api.core.errors import ConfigError
from od_api.core.registry import build_field
from od_api.protos import pipeline_pb2


def detector(edit=""):
    """The tiny SSD with fields merged into its message."""
    config = pipeline_pb2.TrainEvalPipelineConfig()
    text_format.Parse(tiny.CONFIG[: tiny.CONFIG.index("train_config")], config)
    text_format.Merge(edit, config.model.ssd)
    return build_field(config, "model")


def predictions(model, shapes):
    images = 255 * tf.random.stateless_uniform([2, 96, 96, 3], (1, 2))
    return model.call(images, tf.constant(shapes))


def test_boxes_are_decoded_and_scores_have_the_background_first():
    model = detector()
    found = predictions(model, [[96, 96], [96, 96]])
    anchors = found.priors.boxes.shape[0]
    assert model.decode(found).shape == (2, anchors, 4)
    scores = model.scores(found)
    assert scores.shape == (2, anchors, model.num_classes + 1)
    np.testing.assert_array_equal(model.foreground(scores), scores[..., 1:])
    codes, priors = found.box_codes, found.priors.for_codes()
    want = model.stage.box_coder.decode(codes, priors)[:, :, 0]
    np.testing.assert_allclose(model.decode(found), want)


def test_without_a_background_all_scores_are_of_classes():
    model = detector("add_background_class: false")
    found = predictions(model, [[96, 96], [96, 96]])
    scores = model.scores(found)
    assert scores.shape[-1] == model.num_classes
    assert model.foreground(scores) is scores


def test_what_stands_in_the_padding_makes_no_difference():
    """The normalised padding is 0, whatever the image has there."""
    model = detector()
    image = 255 * tf.random.stateless_uniform([1, 96, 96, 3], (3, 4))
    shape = tf.constant([[64, 96]])
    rows = tf.range(96)[None, :, None, None] < 64
    black = tf.where(rows, image, 0.0)
    for one, other in zip(
        model.call(image, shape)[:2], model.call(black, shape)[:2], strict=True
    ):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_detections_lie_in_the_image_inside_the_padding():
    found = predictions(model := detector(), [[64, 96], [96, 48]])
    boxes = model.detect(found).boxes.numpy()
    assert boxes[0, :, 2].max() <= 64 and boxes[1, :, 3].max() <= 48
    assert boxes.min() >= 0


def test_frozen_batch_norm_keeps_its_statistics_as_of_old():
    """Training finds what inference does; scales and offsets are trained."""
    model = detector("freeze_batchnorm: true")
    names = [v.path for part in model.parts.values() for v in part.trainable_weights]
    assert any("gamma" in n for n in names) and any("beta" in n for n in names)
    image = 255 * tf.random.stateless_uniform([1, 96, 96, 3], (3, 4))
    shape = tf.constant([[96, 96]])
    trained, plain = (model.call(image, shape, training=t) for t in (True, False))
    np.testing.assert_allclose(trained[0], plain[0], atol=1e-6)


@pytest.mark.parametrize(
    ("edit", "place"),
    [
        ("use_confidences_as_targets: true", "use_confidences_as_targets"),
        ("explicit_background_class: true", "explicit_background_class"),
        (
            "loss { equalization_loss { weight: 1 } }",
            "loss.equalization_loss",
        ),
        (
            "box_predictor { region_proposal_predictor {} }",
            "box_predictor.region_proposal_predictor",
        ),
    ],
)
def test_what_is_refused_is_named(edit, place):
    with pytest.raises(ConfigError) as error:
        detector(edit)
    assert error.value.field_path == f"model.ssd.{place}"

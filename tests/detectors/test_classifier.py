"""A classifier: logits of the mean of a map, losses, the best classes, refusals."""

import numpy as np
import pytest
import tensorflow as tf
import tiny_classifier
from google.protobuf import text_format
from kit import make_targets

from od_api.core.errors import ConfigError
from od_api.core.registry import build_field
from od_api.detectors.classifier import ClassPredictions
from od_api.protos import pipeline_pb2

SHAPES = tf.constant([[64, 64], [40, 64]])


def build(edit="", clear=()):
    config = pipeline_pb2.TrainEvalPipelineConfig()
    text_format.Parse(tiny_classifier.MODEL, config)
    for field in clear:
        config.model.classifier.ClearField(field)
    text_format.Merge(edit, config.model.classifier)
    return build_field(config, "model")


@pytest.fixture(scope="module")
def classifier():
    return build()


def predictions(logits):
    return ClassPredictions(tf.constant(logits, tf.float32), SHAPES)


def targets(classes):
    boxes = np.zeros([len(classes), 0, 4])
    return make_targets(boxes)._replace(image_classes=tf.constant(classes, tf.float32))


def test_what_it_says_of_itself(classifier):
    assert not classifier.finds_boxes and classifier.options == {}
    assert list(classifier.parts) == ["backbone", "head"]
    assert classifier.level == "C5" and classifier.max_classes == 3


def test_loss_is_the_mean_of_cross_entropies(classifier):
    """-log of softmax: log 3 of equal logits; of two classes half of each."""
    losses = classifier.losses(
        predictions([[0, 0, 0], [np.log(2), 0, 0]]), targets([[0, 1, 0], [1, 1, 0]])
    )
    second = -(np.log(0.5) + np.log(0.25)) / 2
    want = (np.log(3) + second) / 2
    assert float(losses["classification_loss"]) == pytest.approx(want, rel=1e-5)


def test_each_class_by_itself():
    """log 2 of each of three classes; scores are sigmoids."""
    made = build("score_converter: SIGMOID max_classes: 2")
    losses = made.losses(predictions([[0, 0, 0]]), targets([[1, 1, 0]]))
    assert float(losses["classification_loss"]) == pytest.approx(3 * np.log(2))
    found = made.detect(predictions([[-1, 2, 0.5]]))
    np.testing.assert_array_equal(found.classes, [[1, 2]])
    np.testing.assert_allclose(found.scores, tf.sigmoid([[2, 0.5]]))
    assert found.boxes is None and found.count.numpy().tolist() == [2]


def test_padding_is_not_averaged(classifier):
    """An image in a corner of zeros, and the same with noise around it."""
    images = 255 * tf.random.stateless_uniform([2, 64, 64, 3], (1, 2))
    inside = tf.sequence_mask([64, 40], 64)[:, :, None, None]
    blank = tf.where(inside, images, 0.0)
    one, two = (classifier.call(x, SHAPES).class_logits for x in (images, blank))
    np.testing.assert_allclose(one, two, atol=1e-5)


@pytest.mark.parametrize(
    ("edit", "clear", "place", "problem"),
    [
        ("", ["num_classes"], "num_classes", "must be at least 1"),
        ("", ["image_resizer"], "image_resizer", "is not set in Classifier"),
        ("", ["backbone"], "backbone", "is not set in Classifier"),
        ("level: 'C9'", [], "level", "there is no map 'C9', but"),
        (
            "backbone { mobilenet_v1 { second_stage: true } }",
            [],
            "backbone",
            "second_s",
        ),
        ("max_classes: 0", [], "max_classes", "is 0"),
        ("dropout_keep_probability: 0", [], "dropout_keep_probability", "above 0"),
        ("classification_loss {}", [], "classification_loss", "is empty"),
    ],
)
def test_refused(edit, clear, place, problem):
    with pytest.raises(ConfigError, match=problem) as caught:
        build(edit, clear)
    assert caught.value.field_path == f"model.classifier.{place}"

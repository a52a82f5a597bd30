"""The signature of the old API, by hand: one anchor, known numbers."""

import numpy as np
import pytest
import tensorflow as tf

from od_api.core.detector import Detector
from od_api.core.types import Detections, Predictions
from od_api.exporting import serving
from od_api.exporting.signature_inputs import as_input
from od_api.resizers.identity_resizer import IdentityResizer


class OneAnchorDetector(Detector):
    """One anchor, [10, 20, 30, 60], of class 2 of 0..2 and with a background class."""

    def call(self, images, true_shapes):
        return Predictions(None, None, None, None, {}, None, true_shapes)

    def detect(self, predictions):
        box = tf.constant([[[10.0, 20.0, 30.0, 60.0], [0.0, 0.0, 0.0, 0.0]]])
        scores, classes = tf.constant([[0.8, 0.0]]), tf.constant([[2, 0]])
        return Detections(box, scores, classes, tf.constant([1]), classes * 0)

    def decode(self, predictions):
        return tf.constant([[[10.0, 20.0, 30.0, 60.0]]])

    def scores(self, predictions):
        return tf.constant([[[0.1, 0.0, 0.1, 0.8]]])


def outputs():
    """Of a 50x100 image in the corner of a 100x100 input."""
    images, true_shapes = tf.zeros([1, 100, 100, 3]), tf.constant([[50, 100]])
    return serving.outputs_of(OneAnchorDetector(), images, true_shapes)


def test_exported_classes_are_label_map_ids():
    """Class 2 inside is id 3 of the label map."""
    assert outputs()["detection_classes"][0, 0] == 3


def test_exported_names_types_and_shapes():
    """N = 2 boxes, A = 1 anchor, K + 1 = 4 scores; even counts and indices float."""
    found = outputs()
    assert {name: tuple(t.shape) for name, t in found.items()} == {
        "detection_boxes": (1, 2, 4),
        "detection_scores": (1, 2),
        "detection_classes": (1, 2),
        "detection_multiclass_scores": (1, 2, 4),
        "detection_anchor_indices": (1, 2),
        "num_detections": (1,),
        "raw_detection_boxes": (1, 1, 4),
        "raw_detection_scores": (1, 1, 4),
    }
    assert {t.dtype for t in found.values()} == {tf.float32}


def test_exported_boxes_are_relative_to_the_image_and_raw_ones_to_the_input():
    """Rows 10..30 of 50 are .2...6; of the padded 100 they are .1...3."""
    found = outputs()
    final, raw = found["detection_boxes"][0, 0], found["raw_detection_boxes"][0, 0]
    np.testing.assert_allclose(final, [0.2, 0.2, 0.6, 0.6], rtol=1e-6)
    np.testing.assert_allclose(raw, [0.1, 0.2, 0.3, 0.6], rtol=1e-6)


@pytest.mark.parametrize(
    ("input_type", "shape", "dtype"),
    [
        ("image_tensor", [None, None, None, 3], tf.uint8),
        ("float_image_tensor", [None, None, None, 3], tf.float32),
        ("encoded_image_string_tensor", [None], tf.string),
        ("tf_example", [None], tf.string),
    ],
)
def test_signature_takes_any_number_of_images(input_type, shape, dtype, tmp_path):
    labels = tmp_path / "label_map.pbtxt"
    labels.write_text("item { id: 1 name: 'cat' }")

    def network(images, true_shapes):
        return {"num_detections": tf.ones([tf.shape(images)[0]])}

    module = serving.ServingModule(network, IdentityResizer(), input_type, str(labels))
    (function,) = module.signatures().values()
    (spec,) = function.input_signature
    assert spec.shape.as_list() == shape and spec.dtype == dtype
    assert spec.name == "input_tensor"
    one = as_input(np.zeros([6, 8, 3], np.uint8), input_type)
    for count in (1, 3):
        found = function(tf.repeat(one, count, axis=0))
        assert found["num_detections"].shape == [count]


class MaskedDetector(OneAnchorDetector):
    """The same box with a 2x3 mask; the padding's mask is not 0, as a network's."""

    def detect(self, predictions):
        masks = tf.constant([[[[0.1, 0.9, 0.4]] * 2, [[0.7] * 3] * 2]])
        return super().detect(predictions)._replace(masks=masks)


def test_masks_are_exported_where_the_detector_has_them():
    """[B, N, mh, mw] probabilities; those of padding are 0."""
    images, true_shapes = tf.zeros([1, 100, 100, 3]), tf.constant([[50, 100]])
    found = serving.outputs_of(MaskedDetector(), images, true_shapes)
    assert set(found) == {*outputs(), "detection_masks"}
    masks = found["detection_masks"]
    assert masks.shape == (1, 2, 2, 3) and masks.dtype == tf.float32
    np.testing.assert_allclose(masks[0, 0], [[0.1, 0.9, 0.4]] * 2, rtol=1e-6)
    np.testing.assert_array_equal(masks[0, 1], 0)


@pytest.mark.parametrize("kind", [OneAnchorDetector, MaskedDetector])
def test_detections_have_a_signature_without_the_raw_outputs(kind):
    """It takes what the default one takes, and gives its final outputs."""

    def network(images, true_shapes):
        return serving.outputs_of(kind(), images, true_shapes)

    module = serving.ServingModule(network, IdentityResizer(), "image_tensor", None)
    signatures = module.signatures()
    assert list(signatures) == ["serving_default", "detections"]
    whole, final = signatures.values()
    assert final.input_signature == whole.input_signature
    pixels = np.zeros([1, 100, 100, 3], np.uint8)
    found, everything = final(pixels), whole(pixels)
    masks = {"detection_masks"} & set(everything)
    assert set(found) == {
        *("detection_boxes", "detection_scores", "detection_classes"),
        *("num_detections", *masks),
    }
    assert bool(masks) == (kind is MaskedDetector)
    for name, value in found.items():
        np.testing.assert_array_equal(value, everything[name])

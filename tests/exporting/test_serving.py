"""The exported signature's pieces: resizing, inputs of each type, the warm-up file."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

from od_api.exporting import serving
from od_api.exporting.signature_inputs import INPUT_TYPES, as_input
from od_api.resizers.conditional_shape_resizer import ConditionalShapeResizer
from od_api.resizers.fixed_shape_resizer import FixedShapeResizer
from od_api.resizers.identity_resizer import IdentityResizer
from od_api.resizers.keep_aspect_ratio_resizer import KeepAspectRatioResizer
from od_api.resizers.pad_to_multiple_resizer import PadToMultipleResizer


def images(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize(
    "resizer",
    [
        FixedShapeResizer(height=20, width=30),
        FixedShapeResizer(height=50, width=70, resize_method="BICUBIC"),
        FixedShapeResizer(height=20, width=30, resize_method="AREA"),
        FixedShapeResizer(height=50, width=30, resize_method="NEAREST_NEIGHBOR"),
        FixedShapeResizer(height=20, width=30, convert_to_grayscale=True),
        KeepAspectRatioResizer(
            min_dimension=24,
            max_dimension=24,
            pad_to_max_dimension=True,
            per_channel_pad_value=[1.0, 2.0, 3.0],
        ),
        KeepAspectRatioResizer(min_dimension=16, max_dimension=24),
        ConditionalShapeResizer(size_threshold=30),
        ConditionalShapeResizer(condition="SMALLER", size_threshold=50),
        PadToMultipleResizer(multiple=32),
        IdentityResizer(),
    ],
)
@pytest.mark.parametrize("batch", [1, 3])
def test_a_batch_is_resized_as_its_images_are(resizer, batch):
    """To the last bit."""
    pixels = images(batch, 40, 60, 3)
    spec = tf.TensorSpec([None, None, None, 3], tf.uint8)
    graph = tf.function(lambda x: serving.resize(resizer, x), input_signature=[spec])
    padded, true_shapes = graph(pixels)
    assert padded.dtype == tf.float32 and true_shapes.shape == [batch, 2]
    for i, image in enumerate(pixels):
        want, true_shape = resizer(image)
        np.testing.assert_array_equal(padded[i], want)
        np.testing.assert_array_equal(true_shapes[i], true_shape)
    height, width = resizer.output_shape or (None, None)
    static = graph.get_concrete_function().structured_outputs[0].shape
    assert static.as_list() == [None, height, width, 3]


def varint(data, at):
    value, shift = 0, 0
    while True:
        value |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 128:
            return value, at


def fields(data):
    """[(field number, bytes)] of a message that has only length-delimited fields."""
    found, at = [], 0
    while at < len(data):
        tag, at = varint(data, at)
        assert tag & 7 == 2, "length-delimited"
        length, at = varint(data, at)
        found.append((tag >> 3, data[at : at + length]))
        at += length
    return found


@pytest.mark.parametrize("kind", INPUT_TYPES)
def test_warmup_request_is_what_tf_serving_reads(kind, tmp_path):
    """The bytes by TensorFlow Serving's field numbers, read without our schema.

    PredictionLog.predict_log = 6 > PredictLog.request = 1 > PredictRequest: model_spec
    = 1 (name = 1, signature_name = 3), inputs = 2: a map, whose entries are messages of
    key = 1 and value = 2, a TensorProto.
    """
    tensor = as_input(images(8, 9, 3), kind)
    signatures = ("serving_default", "detections")
    serving.write_warmup(tmp_path, "scenes", {"input_tensor": tensor}, signatures)
    path = tmp_path / "assets.extra" / "tf_serving_warmup_requests"
    records = tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
    for record, signature in zip(records, signatures, strict=True):
        check_request(record, signature.encode(), tensor)


def check_request(record, signature, tensor):
    ((number, predict_log),) = fields(record)
    assert number == 6
    ((number, request),) = fields(predict_log)
    assert number == 1
    (spec_number, spec), (inputs_number, entry) = fields(request)
    assert (spec_number, inputs_number) == (1, 2)
    assert fields(spec) == [(1, b"scenes"), (3, signature)]
    (key, value) = fields(entry)
    assert key == (1, b"input_tensor") and value[0] == 2
    proto = tensor_pb2.TensorProto.FromString(value[1])
    np.testing.assert_array_equal(tf.make_ndarray(proto), tensor)


def test_inputs_of_each_type_hold_the_same_pixels():
    """PNG loses nothing, so that all decode to one image."""
    pixels = images(6, 7, 3)
    as_is, as_float, encoded, example, with_boxes = (
        as_input(pixels, kind) for kind in INPUT_TYPES
    )
    np.testing.assert_array_equal(with_boxes, as_is)
    np.testing.assert_array_equal(as_is[0], pixels)
    assert as_is.dtype == tf.uint8 and as_float.dtype == tf.float32
    np.testing.assert_array_equal(as_float, as_is)
    np.testing.assert_array_equal(tf.io.decode_image(encoded[0]), pixels)
    parsed = tf.train.Example.FromString(example.numpy()[0])
    assert parsed.features.feature["image/encoded"].bytes_list.value[0] == encoded[0]

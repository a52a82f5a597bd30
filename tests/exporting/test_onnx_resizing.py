"""Bilinear resizing in ONNX is TensorFlow's, to rounding."""

import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
import tf2onnx

from od_api.exporting.onnx_resizing import bilinear


def resized_by_onnx(images, size, **settings):
    spec = [tf.TensorSpec([None] * 3 + [3], tf.float32), tf.TensorSpec([2], tf.int32)]

    def resize(images, size):
        # Convolutions and pooling are transposed in ONNX.
        images = tf.nn.max_pool2d(images, 1, 1, "VALID")
        return tf.raw_ops.ResizeBilinear(images=images, size=size, **settings)

    model, _ = tf2onnx.convert.from_function(
        tf.function(resize),
        input_signature=spec,
        opset=18,
        custom_op_handlers={"ResizeBilinear": (bilinear, [])},
    )
    assert "Resize" not in {node.op_type for node in model.graph.node}
    session = onnxruntime.InferenceSession(model.SerializeToString())
    names = [i.name for i in session.get_inputs()]
    (found,) = session.run(
        None, dict(zip(names, (images, np.int32(size)), strict=True))
    )
    return found, resize(images, size)


@pytest.mark.parametrize(
    "settings", [{}, {"align_corners": True}, {"half_pixel_centers": True}]
)
def test_it_is_tensorflows(settings):
    """Pixels up to 255 among 1,333 places: rounding is 255 x 2^-23 = 3e-5, while a
    place that is off by its last bit, 1000 x 2^-24, would move a pixel by .015."""
    images = np.random.default_rng(0).uniform(0, 255, (2, 7, 1333, 3))
    found, wanted = resized_by_onnx(images.astype(np.float32), (13, 300), **settings)
    np.testing.assert_allclose(found, wanted, atol=1e-4)


@pytest.mark.parametrize("align_corners", [False, True])
def test_one_pixel_of_many(align_corners):
    """Of 0 1 2 3 4 the place 0, also where corners would be one."""
    images = np.arange(5, dtype=np.float32).reshape(1, 1, 5, 1).repeat(3, axis=3)
    found, wanted = resized_by_onnx(images, (1, 1), align_corners=align_corners)
    np.testing.assert_array_equal(found, np.zeros((1, 1, 1, 3)))
    np.testing.assert_array_equal(found, wanted)


def test_images_of_the_size_stay():
    images = np.random.default_rng(0).uniform(0, 255, (2, 7, 9, 3)).astype(np.float32)
    found, _ = resized_by_onnx(images, (7, 9))
    np.testing.assert_array_equal(found, images)

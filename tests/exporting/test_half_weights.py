"""What is rounded to float16, and what is not."""

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from od_api.exporting.half_weights import with_half_weights


def converted(function):
    spec = tf.TensorSpec([1, 1, 1, 64], tf.float32)
    traced = tf.function(function, input_signature=[spec]).get_concrete_function()
    return tf.lite.TFLiteConverter.from_concrete_functions([traced]).convert()


def run(content, image):
    model = Interpreter(model_content=content)
    model.allocate_tensors()
    model.set_tensor(model.get_input_details()[0]["index"], image)
    model.invoke()
    return model.get_tensor(model.get_output_details()[0]["index"])


def test_a_kernel_is_rounded_and_an_anchor_is_not():
    """64 ones times 1.0003 are 64.0192, and 64 in float16, whose next number after 1 is
    1.00098. An anchor at 500.3 px is 500.25 there, and stays: 564.3."""
    kernel = tf.constant(np.full((1, 1, 64, 64), 1.0003, np.float32))

    def shifted(image):
        return tf.nn.relu(tf.nn.conv2d(image, kernel, 1, "SAME")) + 500.3

    content, image = converted(shifted), np.ones((1, 1, 1, 64), np.float32)
    half = with_half_weights(content)
    np.testing.assert_allclose(run(content, image), 564.3192, atol=1e-3)
    np.testing.assert_allclose(run(half, image), 564.3, atol=1e-3)
    # 64 x 64 numbers of two bytes each are gone.
    assert len(content) - len(half) > 64 * 64 * 2 - 1500


def test_a_kernel_that_is_read_elsewhere_is_left():
    """64 x 1.0003, and a number of the kernel itself: 65.0195, or 65 if it were
    rounded."""
    kernel = tf.constant(np.full((64, 64), 1.0003, np.float32))

    def twice(image):
        rows = tf.reshape(image, [1, 64])
        product = tf.nn.relu(tf.matmul(rows, kernel, transpose_b=True))
        return product + tf.gather(kernel, tf.cast(rows[0, :1], tf.int32))

    half = with_half_weights(converted(twice))
    image = np.ones((1, 1, 1, 64), np.float32)
    np.testing.assert_allclose(run(half, image), 65.0195, atol=1e-3)

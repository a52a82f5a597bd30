"""Maps that are doubled and cut to the size of finer ones."""

import keras
import tensorflow as tf

from od_api.layers.upsampling import (
    EnlargeLike,
    UpsampleLike,
    corners_aligned,
    nearest_to,
    upsample_like,
)


def test_upsampling_repeats_and_cuts_to_the_finer_map():
    coarse = tf.reshape(tf.constant([1.0, 2, 3, 4]), [1, 2, 2, 1])
    doubled = upsample_like(coarse, tf.zeros([1, 3, 4, 1]))
    assert doubled[0, :, :, 0].numpy().tolist() == [
        [1, 1, 2, 2],
        [1, 1, 2, 2],
        [3, 3, 4, 4],
    ]


def test_layer_of_functional_networks():
    coarse, fine = keras.Input([None, None, 3]), keras.Input([None, None, 5])
    made = keras.Model([coarse, fine], UpsampleLike()([coarse, fine]))
    assert made.output.shape == (None, None, None, 3)
    assert made([tf.zeros([2, 2, 2, 3]), tf.zeros([2, 3, 4, 5])]).shape == (2, 3, 4, 3)


def test_enlarged_between_centres():
    """By 2: 1 and 3 become 1, 1.5, 2.5, 3; cut to three cells."""
    coarse = tf.constant([1.0, 3], shape=[1, 1, 2, 1])
    fine = tf.zeros([1, 2, 3, 7])
    made = EnlargeLike(2)([coarse, fine])
    assert made[0, :, :, 0].numpy().tolist() == [[1, 1.5, 2.5]] * 2
    made = EnlargeLike(2, "nearest")([coarse, fine])
    assert made[0, :, :, 0].numpy().tolist() == [[1, 1, 3]] * 2


def test_enlarged_to_a_size():
    """From one cell to any: all are equal; half precision stays."""
    layer = EnlargeLike.from_config(EnlargeLike(None, dtype="float16").get_config())
    made = layer([tf.fill([1, 1, 1, 2], 2.0), tf.zeros([1, 3, 5, 4])])
    assert made.shape == (1, 3, 5, 2) and made.dtype == "float16"
    assert set(made.numpy().ravel()) == {2.0}
    assert layer.compute_output_shape([(1, 1, 1, 2), (1, 3, 5, 4)]) == (1, 3, 5, 2)


def test_nearest_to_any_size():
    """2 cells to 3 and 5: floor(i 2 / 3) = 0, 0, 1 and floor(i 2 / 5) = 0 0 0 1 1."""
    x = tf.reshape(tf.constant([1.0, 2, 3, 4]), [1, 2, 2, 1])
    made = nearest_to(x, 3, 5)[0, :, :, 0].numpy().tolist()
    assert made == [[1, 1, 1, 2, 2], [1, 1, 1, 2, 2], [3, 3, 3, 4, 4]]


def test_corners_aligned():
    """1 and 3 to five cells: 1, 1.5, 2, 2.5, 3; of one cell all are it."""
    x = tf.constant([1.0, 3], shape=[1, 1, 2, 1])
    spec = [tf.TensorSpec([None, None, None, 1]), *[tf.TensorSpec([], tf.int32)] * 2]
    for run in (corners_aligned, tf.function(corners_aligned, input_signature=spec)):
        made = run(x, tf.constant(2), tf.constant(5))[0, :, :, 0].numpy()
        assert made.tolist() == [[1, 1.5, 2, 2.5, 3]] * 2
    assert corners_aligned(x, 1, 1).numpy().tolist() == [[[[1]]]]

"""Maps that are doubled and cut to the size of finer ones."""

import keras
import tensorflow as tf

from od_api.layers.upsampling import UpsampleLike, upsample_like


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

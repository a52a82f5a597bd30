"""Groups of channels that are read each in a way of its own."""

import tensorflow as tf

from od_api.layers.bilinear_crops import map_shape


def groups_to_batch(features, groups):
    """[B, h, w, G * D] -> [B * G, h, w, D]: G groups of neighbouring channels."""
    if groups == 1:
        return features
    height, width = map_shape(features)
    depth = features.shape[-1] // groups
    maps = tf.reshape(features, [-1, height, width, groups, depth])
    maps = tf.transpose(maps, [0, 3, 1, 2, 4])
    return tf.reshape(maps, [-1, height, width, depth])

"""Priors and ground truth of one image that ignore rules are tried on."""

import kit
import numpy as np
import tensorflow as tf


def truth(boxes, ignored=None, scale=None, valid=None):
    """Targets of one image; `ignored` and `valid` are lists of 0 and 1."""
    made = kit.make_targets([boxes], valid=None if valid is None else [valid])
    if ignored is not None:
        made = made._replace(ignored=tf.constant(np.array([ignored], bool)))
    if scale is not None:
        made = made._replace(scale=tf.constant([scale], tf.float32))
    return made


def flags(values):
    """[1, N] bool tensor -> a list of 0 and 1."""
    return np.asarray(values)[0].astype(int).tolist()

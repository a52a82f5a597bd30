"""Crops and their network, and score maps: what each hands to the head."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from od_api.core.types import MapSpecs
from od_api.detectors.regions import CroppedRegions, PositionSensitiveRegions
from od_api.region_operators.crop_and_resize import CropAndResize

BOXES = tf.constant([[[0.0, 0, 32, 32], [0, 0, 16, 16], [16, 16, 32, 32]]])
MAP = tf.reshape(tf.range(16.0), [1, 4, 4, 1])


class Network(keras.layers.Layer):
    """Adds one."""

    def call(self, inputs, training=False):
        return inputs + 1.0

    def compute_output_shape(self, shape):
        return shape


class MeanHead(keras.layers.Layer):
    """The mean of a region as the logits of one class, its sides as codes."""

    def call(self, regions, training=False):
        mean = tf.reduce_mean(regions, axis=(1, 2))
        side = tf.cast(tf.shape(regions)[1], tf.float32)
        return {
            "class_logits": tf.concat([mean, mean], axis=1),
            "box_codes": tf.fill([tf.shape(mean)[0], 1, 4], side),
        }


def cropped(**settings):
    regions = CroppedRegions(
        head=MeanHead(), network=Network(), operator=CropAndResize(), **settings
    )
    regions.build(MapSpecs({"C4": 8}, {"C4": 1}))
    return regions


def test_crops_go_through_network_and_head():
    """Corners on corners: 4 x 4 samples of the whole map are the map, mean 7.5."""
    found = cropped(crop_size=4)({"C4": MAP}, BOXES, (32, 32))
    assert found.class_logits.shape == (1, 3, 2)
    assert found.box_codes.shape == (1, 3, 1, 4)
    np.testing.assert_allclose(found.class_logits[0, 0], 8.5, atol=1e-5)
    assert found.features.shape == (3, 4, 4, 1)


def test_pooling_takes_the_largest_of_each_window():
    """2 x 2 windows of 0..15 row by row end at 5, 7, 13, 15: mean 10, plus one."""
    regions = cropped(crop_size=4, pool_size=2, pool_stride=2)
    found = regions({"C4": MAP}, BOXES, (32, 32))
    np.testing.assert_allclose(found.class_logits[0, 0], 11.0, atol=1e-5)
    np.testing.assert_array_equal(found.box_codes[0, :, 0], np.full((3, 4), 2))


def test_no_proposals():
    found = cropped(crop_size=4)({"C4": MAP}, BOXES[:, :0], (32, 32))
    assert found.class_logits.shape == (1, 0, 2)


def test_size_of_a_crop():
    with pytest.raises(ValueError, match="initial_crop_size is 0"):
        CroppedRegions(head=None, network=None, operator=None, crop_size=0)


def test_score_maps_are_made_once_for_the_whole_map():
    seen = []

    class Head(keras.layers.Layer):
        def call(self, features, boxes, image_shape, training=False, read=None):
            seen.append((features.shape, read))
            rows = tf.shape(boxes)[1]
            return {
                "class_logits": tf.zeros([1, rows, 2]),
                "box_codes": tf.zeros([1, rows, 1, 4]),
            }

    operator = CropAndResize()
    regions = PositionSensitiveRegions(
        head=Head(), network=Network(), operator=operator
    )
    found = regions({"C4": MAP}, BOXES, (32, 32))
    assert seen == [((1, 4, 4, 1), operator.position_sensitive)]
    assert found.class_logits.shape == (1, 3, 2) and found.features is None

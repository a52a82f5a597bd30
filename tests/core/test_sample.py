"""Per-box fields of a sample, kept in step."""

import numpy as np
import tensorflow as tf

from od_api.core import sample as samples

SAMPLE = {
    "image": tf.zeros([4, 4, 3]),
    "boxes": tf.constant([[0.0, 0, 1, 1], [0, 0, 2, 2], [0, 0, 3, 3]]),
    "classes": tf.constant([5, 6, 7]),
    "masks": tf.reshape(tf.range(12), [3, 2, 2]),
    "image_id": tf.constant(9),
}


def test_kept_boxes_take_their_fields_along():
    kept = samples.keep_boxes(SAMPLE, tf.constant([True, False, True]))
    np.testing.assert_array_equal(kept["classes"], [5, 7])
    np.testing.assert_array_equal(kept["boxes"][:, 3], [1, 3])
    np.testing.assert_array_equal(kept["masks"][1], [[8, 9], [10, 11]])
    assert kept["image"] is SAMPLE["image"] and kept["image_id"] is SAMPLE["image_id"]
    assert kept.keys() == SAMPLE.keys()


def test_all_or_none():
    everything = samples.keep_boxes(SAMPLE, tf.fill([3], True))
    np.testing.assert_array_equal(everything["boxes"], SAMPLE["boxes"])
    assert samples.keep_boxes(SAMPLE, tf.fill([3], False))["masks"].shape == (0, 2, 2)


def test_per_box_names_those_that_are_there():
    assert samples.per_box(SAMPLE) == ["boxes", "classes", "masks"]

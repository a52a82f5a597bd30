"""RemapLabels: ids of the label map, from 1."""

import numpy as np
import pytest
import tensorflow as tf
from augment_samples import sample, seed

from od_api.augment.remap_labels import RemapLabels


def test_by_hand():
    """Labels 1 and 3 become 5: classes 0 1 2 0 become 4 1 4 4."""
    before = sample(np.tile([8.0, 10.0, 24.0, 30.0], [4, 1]))
    before["classes"] = tf.constant([0, 1, 2, 0])
    after = RemapLabels(original_labels=[1, 3], new_label=5)(before, seed())
    np.testing.assert_array_equal(after["classes"], [4, 1, 4, 4])
    assert after["classes"].dtype == tf.int32
    assert after["boxes"] is before["boxes"]


def test_nothing_to_remap():
    after = RemapLabels(new_label=5)(sample(), seed())
    np.testing.assert_array_equal(after["classes"], [0, 1])


@pytest.mark.parametrize(
    "settings", [{"original_labels": [1]}, {"original_labels": [0], "new_label": 1}]
)
def test_refused(settings):
    with pytest.raises(ValueError, match="is 0; it must be in 1"):
        RemapLabels(**settings)

"""ConvertClassLogitsToSoftmax: by hand, and without scores."""

import numpy as np
import pytest
import tensorflow as tf
from augment_samples import assert_equal, painted, sample, seed

from od_api.augment.convert_class_logits_to_softmax import ConvertClassLogitsToSoftmax


def test_by_hand():
    """Logits 0 and 2 ln 3 at temperature 2: 1 to 3."""
    before = painted() | {"multiclass_scores": tf.constant([[0.0, 2 * np.log(3)]])}
    after = ConvertClassLogitsToSoftmax(temperature=2)(before, seed())
    np.testing.assert_allclose(after["multiclass_scores"], [[0.25, 0.75]], rtol=1e-5)


def test_sums_to_one():
    after = ConvertClassLogitsToSoftmax()(sample(), seed())
    np.testing.assert_allclose(
        tf.reduce_sum(after["multiclass_scores"], -1), 1, rtol=1e-5
    )


def test_without_scores():
    assert_equal(ConvertClassLogitsToSoftmax()(painted(), seed()), painted())


def test_refused():
    with pytest.raises(ValueError, match="temperature is 0"):
        ConvertClassLogitsToSoftmax(temperature=0)

"""A scheme that says nothing changes nothing."""

import tensorflow as tf

from od_api.batch_schemes._scheme import BatchScheme


def test_batches_and_resizers_stay():
    scheme, batch, seed = BatchScheme(), {"image": tf.zeros([2, 4, 4, 3])}, [0, 1]
    assert scheme(batch, seed) is batch
    assert scheme.resizer("resizer", tf.constant(3), seed) == "resizer"
    assert scheme.factor == 1

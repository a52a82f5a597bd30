import tensorflow as tf

from od_api.optim.constant_learning_rate import ConstantLearningRate


def test_same_rate_at_every_step():
    schedule = ConstantLearningRate(learning_rate=0.25)
    for step in (0, 1, 10**9):
        rate = schedule(tf.constant(step, tf.int64))
        assert rate.dtype == tf.float32 and rate.shape == [] and float(rate) == 0.25

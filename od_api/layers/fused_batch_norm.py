"""Batch norm: one fused op on one device, one sum over the replicas on several."""

import keras
import tensorflow as tf

from od_api.core.replicas import move_average, num_replicas, sum_over_replicas


@keras.saving.register_keras_serializable("od_api")
class FusedBatchNormalization(keras.layers.BatchNormalization):
    """keras.layers.BatchNormalization, computed in training by TensorFlow's fused op.

    Keras composes training-mode batch norm of a dozen element-wise passes; on a CPU
    they take more than half of a MobileNet's training step. The result is the same but
    for the moving variance, which the fused op estimates without bias (N - 1).

    With `synchronized` the replicas of a strategy normalise by the mean and variance of
    the whole batch, as one device would that saw all of it. Without it each replica
    normalises by its share of the batch; `drifting_statistics` then finds the moving
    averages that the training step has to average over the replicas.

    Asynchronous workers share the moving averages. A move is one locked subtraction of
    (1 - momentum) * (average - value), so that none is lost; the average it starts from
    may be as many moves old as there are other workers. After n moves towards a value
    from below, the average is therefore at least as far as n moves in a row would have
    brought it.

    Inference, frozen layers, masks and channels that are not last are Keras'.

    Attributes:
      keeps_statistics: whether training, too, normalises by the moving averages, which
        stay; unlike in a frozen layer, scale and offset are trained.
    """

    keeps_statistics = False

    def call(self, inputs, training=None, mask=None):
        """[..., C] -> [..., C], normalised over all axes but the last."""
        training = training and not self.keeps_statistics
        fits = self.axis in (-1, inputs.shape.rank - 1) and mask is None
        if not (training and self.trainable and fits):
            return super().call(inputs, training=training, mask=mask)
        if self.synchronized and num_replicas() > 1:
            outputs, mean, variance = self._normalized_together(inputs)
        else:
            outputs, mean, variance = self._normalized(inputs)
        self._move(self.moving_mean, mean)
        self._move(self.moving_variance, variance)
        return outputs

    def _normalized(self, inputs):
        """(outputs, mean, variance without bias) by the fused op."""
        maps = inputs
        if inputs.shape.rank != 4:
            maps = tf.reshape(inputs, [-1, 1, 1, inputs.shape[-1]])
        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            maps, *self._scale_and_offset(), epsilon=self.epsilon, is_training=True
        )
        if maps is not inputs:
            outputs = tf.reshape(outputs, tf.shape(inputs))
            outputs.set_shape(inputs.shape)
        return outputs, mean, variance

    def _normalized_together(self, inputs):
        """The same of all replicas' inputs, whose numbers of rows may differ."""
        values = tf.cast(inputs, tf.float32)
        mean, variance, count = self._moments_together(values)
        scale, offset = self._scale_and_offset()
        outputs = tf.nn.batch_normalization(
            values, mean, variance, offset, scale, self.epsilon
        )
        unbiased = variance * (count / tf.maximum(count - 1.0, 1.0))
        return tf.cast(outputs, self.compute_dtype), mean, unbiased

    def _moments_together(self, values):
        """([C] mean, [C] variance, count) over all replicas, by one reduction.

        What is summed are the replicas' own moments, about a point that all of them
        know (the moving mean): sums of plain squares would lose the digits of a
        variance that is small beside the mean.
        """
        axes = list(range(values.shape.rank - 1))
        mean, variance = tf.nn.moments(values, axes)
        count = tf.cast(tf.size(values) // tf.size(mean), tf.float32)
        about = tf.stop_gradient(tf.convert_to_tensor(self.moving_mean.value))
        mean -= about
        moments = tf.stack([mean, variance + mean**2, tf.ones_like(mean)])
        sums = sum_over_replicas(moments * count)
        count = sums[2, 0]
        mean = sums[0] / count
        return mean + about, sums[1] / count - mean**2, count

    def _scale_and_offset(self):
        channels = [self.moving_mean.shape[0]]
        return (
            self.gamma.value if self.scale else tf.ones(channels),
            self.beta.value if self.center else tf.zeros(channels),
        )

    def _move(self, average, value):
        variable = average.value
        if isinstance(variable, tf.Variable):
            move_average(variable, value, 1.0 - self.momentum)
        else:
            # A tensor in its place: Keras is tracing, and keeps what is assigned.
            average.assign(variable * self.momentum + value * (1.0 - self.momentum))


def drifting_statistics(parts):
    """The moving averages that each replica moves by its own share of the batch.

    Args:
      parts: {part name: built Keras layer}.

    Returns:
      list of tf.Variable, for `od_api.core.replicas.average_statistics`; none of
      synchronised layers or of those that keep theirs.
    """
    return [
        average.value
        for part in parts.values()
        for layer in part._flatten_layers()
        if isinstance(layer, keras.layers.BatchNormalization)
        and layer.trainable
        and not layer.synchronized
        and not getattr(layer, "keeps_statistics", False)
        for average in (layer.moving_mean, layer.moving_variance)
    ]


def freeze_batch_norm(layer):
    """Batch norm anywhere in a layer keeps its statistics, scale and offset."""
    for inner in layer._flatten_layers():
        if isinstance(inner, keras.layers.BatchNormalization):
            inner.trainable = False


def keep_statistics(layer):
    """Batch norm anywhere in a layer keeps its statistics; scale and offset learn.

    In the old API `freeze_batchnorm` and `batch_norm_trainable: false` meant this.
    """
    for inner in layer._flatten_layers():
        if isinstance(inner, FusedBatchNormalization):
            inner.trainable = inner.keeps_statistics = True


def learn_where_frozen(layer):
    """Frozen batch norm anywhere in a layer keeps its statistics alone."""
    for inner in layer._flatten_layers():
        if isinstance(inner, FusedBatchNormalization) and not inner.trainable:
            inner.trainable = inner.keeps_statistics = True

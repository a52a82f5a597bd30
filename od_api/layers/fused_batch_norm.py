"""Batch norm whose training step is one fused op."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("od_api")
class FusedBatchNormalization(keras.layers.BatchNormalization):
    """keras.layers.BatchNormalization, computed in training by TensorFlow's fused op.

    Keras composes training-mode batch norm of a dozen element-wise passes; on a CPU
    they take more than half of a MobileNet's training step. The result is the same but
    for the moving variance, which the fused op estimates without bias (N - 1).

    Inference, synchronised statistics and inputs that are not [B, h, w, C] are Keras'.
    """

    def call(self, inputs, training=None, mask=None):
        """[B, h, w, C] -> [B, h, w, C], normalised over B, h and w."""
        fits = inputs.shape.rank == 4 and self.axis in (-1, 3) and mask is None
        if not (training and self.trainable and fits) or self.synchronized:
            return super().call(inputs, training=training, mask=mask)
        channels = [inputs.shape[-1]]
        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            inputs,
            self.gamma.value if self.scale else tf.ones(channels),
            self.beta.value if self.center else tf.zeros(channels),
            epsilon=self.epsilon,
            is_training=True,
        )
        self._move(self.moving_mean, mean)
        self._move(self.moving_variance, variance)
        return outputs

    def _move(self, average, value):
        average.assign(average * self.momentum + value * (1.0 - self.momentum))


def freeze_batch_norm(layer):
    """Batch norm anywhere in a layer keeps its statistics, scale and offset."""
    for inner in layer._flatten_layers():
        if isinstance(inner, keras.layers.BatchNormalization):
            inner.trainable = False

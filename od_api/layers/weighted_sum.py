"""A sum of maps whose weights are learnt."""

import keras
import tensorflow as tf

METHODS = ("fast_attention", "attention", "weighted_sum", "sum")

# Keeps the weights finite where all of them are 0; the number of the paper.
EPSILON = 1e-4


class WeightedSum(keras.layers.Layer):
    """Adds maps of one shape by one weight for each.

    The variables w begin at 1. The weights are, by method: fast_attention: relu(w) /
    (sum of relu(w) + .0001); attention: softmax(w); weighted_sum: w; sum: 1, without
    variables. Source: Tan et al., EfficientDet, CVPR 2020, section 3.3.

    Args:
      count: how many maps.
      method: one of METHODS.
      name: of the layer.
    """

    def __init__(self, count, method, *, name):
        super().__init__(name=name)
        self.count = count
        self.method = method

    def build(self, shapes):
        """Creates the weights, whatever the shapes."""
        self.kernel = None
        if self.method != "sum":
            # float32 under every precision: they are divided by each other.
            self.kernel = self.add_weight(
                shape=[self.count], initializer="ones", name="weights", autocast=False
            )

    def call(self, maps):
        """[[B, h, w, C], ...] -> [B, h, w, C]."""
        if self.kernel is None:
            return tf.add_n(list(maps))
        weights = tf.cast(self._weights(), maps[0].dtype)
        shares = tf.unstack(weights, self.count)
        return tf.add_n([w * x for w, x in zip(shares, maps, strict=True)])

    def _weights(self):
        weights = tf.convert_to_tensor(self.kernel)
        if self.method == "attention":
            return tf.nn.softmax(weights)
        if self.method == "weighted_sum":
            return weights
        weights = tf.nn.relu(weights)
        return weights / (tf.reduce_sum(weights) + EPSILON)

"""Calibration by a piecewise linear function, e.g. from isotonic regression."""

import numpy as np
import tensorflow as tf

from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import calibration_pb2


@register(calibration_pb2.FunctionApproximation)
class FunctionApproximation:
    """Maps every score through straight lines between given points.

    Left of the first point and right of the last one the function is constant.

    Args:
      points: [(x, y), ...], x strictly increasing.
    """

    on_logits = False

    def __init__(self, *, points):
        if not points:
            raise ValueError("x_y_pairs is empty: give at least one x_y_pair")
        ranges.finite("x_y_pairs", [number for point in points for number in point])
        x, y = np.asarray(points, np.float32).T
        if np.any(np.diff(x) <= 0):
            at = int(np.argmax(np.diff(x) <= 0))
            raise ValueError(
                f"x of the x_y_pairs must increase, but {x[at]:g} is followed by "
                f"{x[at + 1]:g}"
            )
        self._x, self._y = x, y

    @classmethod
    def from_proto(cls, message, **_):
        return cls(points=points_of(message.x_y_pairs))

    def __call__(self, scores):
        """[...] -> [...] float32."""
        x = tf.constant(np.concatenate([self._x[:1] - 1, self._x, self._x[-1:] + 1]))
        y = tf.constant(np.concatenate([self._y[:1], self._y, self._y[-1:]]))
        scores = tf.clip_by_value(scores, self._x[0], self._x[-1])
        flat = tf.reshape(scores, [-1])
        # NaN sorts after everything; the bound keeps it NaN instead of failing.
        right = tf.minimum(tf.searchsorted(x, flat, side="right"), x.shape[0] - 1)
        left = right - 1
        share = (flat - tf.gather(x, left)) / (tf.gather(x, right) - tf.gather(x, left))
        mapped = tf.gather(y, left) * (1 - share) + tf.gather(y, right) * share
        return tf.reshape(mapped, tf.shape(scores))


def points_of(pairs):
    """[(x, y), ...] of an XYPairs message."""
    return [(pair.x, pair.y) for pair in pairs.x_y_pair]

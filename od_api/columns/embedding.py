"""What tells objects apart that overlap, as a column of the head."""

import tensorflow as tf

from od_api.core import ranges
from od_api.core.embeddings import distances
from od_api.core.registry import register
from od_api.protos import column_pb2


@register(column_pb2.EmbeddingColumn)
class EmbeddingColumn:
    """An embedding: near for priors of one object, far for those of two.

    `feature_nms` reads it. Of the positive priors of an image each pair counts, with
    d the Euclidean distance of its embeddings: max(0, d - (margin - slack)) for one
    object, max(0, margin + slack - d) for two. The mean over all ordered pairs is the
    loss of an image, and images are weighted by their positives; where there are fewer
    than two, it is 0. Source: Salscheider, FeatureNMS, ICPR 2020, equations 1 to 3.

    Args:
      weight: of its loss.
      width: numbers of an embedding.
      margin: beta, above 0.
      slack: alpha, from 0 up to the margin.
      normalize: embeddings are divided by their lengths first.
      max_priors: of an image with more positives so many are taken, evenly spread, and
        stand for all.

    Attributes:
      name: of the column, of its loss (`embedding_loss`) and for suppressions.
    """

    name = "embedding"

    def __init__(
        self,
        *,
        weight=1.0,
        width=32,
        margin=1.0,
        slack=0.2,
        normalize=True,
        max_priors=256,
    ):
        self.weight = ranges.at_least("weight", weight)
        self.width = ranges.at_least("width", width, 1, ranges.MOST_CHANNELS)
        self.margin = ranges.above("margin", margin)
        self.slack = ranges.between("slack", slack, 0, margin)
        self.normalize = normalize
        self.max_priors = ranges.at_least("max_priors", max_priors, 2)

    def target(self, priors, assignment, targets, predictions):
        """What the column has to tell: [B, A, 1], the object's row; -1 without one."""
        del priors, targets, predictions
        positive = assignment.label == 1
        rows = tf.where(positive, assignment.gt_index, -1)
        return tf.cast(rows, tf.float32)[..., None]

    def loss(self, values, target):
        """[B, A, n] embeddings, [B, A, 1] target -> [B, A], which sum up to as many
        times the mean of the pairs as there are positives.
        """
        positive = target[..., 0] >= 0.0
        chosen, size = self._chosen(positive)
        taken, rows = tf.math.top_k(tf.cast(chosen, tf.int32), size)
        counts = taken > 0
        own = self.score(tf.gather(values, rows, batch_dims=1))
        objects = tf.gather(target[..., 0], rows, batch_dims=1)
        apart = distances(own, own)
        same = objects[:, :, None] == objects[:, None]
        near = tf.maximum(apart - (self.margin - self.slack), 0.0)
        far = tf.maximum(self.margin + self.slack - apart, 0.0)
        pairs = counts[:, :, None] & counts[:, None] & ~tf.eye(size, dtype=tf.bool)
        losses = tf.where(pairs, tf.where(same, near, far), 0.0)
        number = tf.reduce_sum(tf.cast(counts, tf.float32), axis=1, keepdims=True)
        losses = tf.reduce_sum(losses, axis=2) / tf.maximum(number - 1.0, 1.0)
        all_positives = tf.cast(positive, tf.float32)
        whole = tf.reduce_sum(all_positives, axis=1, keepdims=True)
        losses *= whole / tf.maximum(number, 1.0)
        return _spread(losses, rows, tf.shape(positive))

    def score(self, values):
        """[..., n] -> [..., n]: of length 1 where `normalize` says so."""
        return tf.math.l2_normalize(values, axis=-1) if self.normalize else values

    def _chosen(self, positive):
        """[B, A] bool: evenly spread positives, at most as many as the int given."""
        size = tf.minimum(self.max_priors, tf.shape(positive)[1])
        number = tf.reduce_sum(tf.cast(positive, tf.int32), axis=1, keepdims=True)
        place = tf.cumsum(tf.cast(positive, tf.int32), axis=1)
        # The i-th positive is taken where i * size / number passes a whole number.
        most = tf.maximum(number, size)
        passes = place * size // most > (place - 1) * size // most
        return positive & passes, size


def _spread(values, rows, shape):
    """[B, m] values at [B, m] rows -> [B, A]; 0 elsewhere."""
    images, priors = shape[0], shape[1]
    slots = rows + priors * tf.range(images)[:, None]
    flat = tf.math.unsorted_segment_sum(
        tf.reshape(values, [-1]), tf.reshape(slots, [-1]), images * priors
    )
    return tf.reshape(flat, shape)

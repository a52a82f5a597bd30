"""What CornerNet learns of the two corners of each object."""

import tensorflow as tf

from od_api.core.registry import register
from od_api.core.replicas import sum_over_replicas
from od_api.objectives._corners import CornersObjective, at
from od_api.protos import keypoints_pb2

# Means of embeddings are pushed until they are so far apart.
MARGIN = 1.0


@register(keypoints_pb2.CornerObjective)
class CornerObjective(CornersObjective):
    """Heat of corners, their offsets inside cells, and embeddings that pair them.

    The heat of a corner's cell is 1, and around it falls off as a Gaussian; its loss
    is divided by the objects of the batch. Embeddings of an object's corners are pulled
    to their mean, and means of an image are pushed apart; both are means over the
    objects, or pairs, of an image, and over the images that have any. Cells that lie in
    ignored boxes are no background. Source: Law and Deng, CornerNet, ECCV 2018,
    sections 3.2 and 3.3.

    Args:
      num_classes: K.
      min_overlap, integer_radius, heat_loss, offset_loss: as `CornersObjective`.
      heat_weight, pull_weight, push_weight, offset_weight: of the losses.
    """

    def __init__(
        self,
        *,
        num_classes,
        min_overlap=0.3,
        integer_radius=False,
        heat_loss=None,
        offset_loss=None,
        heat_weight=1.0,
        pull_weight=0.1,
        push_weight=0.1,
        offset_weight=1.0,
    ):
        super().__init__(
            num_classes=num_classes,
            min_overlap=min_overlap,
            integer_radius=integer_radius,
            heat_loss=heat_loss,
            offset_loss=offset_loss,
            heat_weight=heat_weight,
            pull_weight=pull_weight,
            push_weight=push_weight,
            offset_weight=offset_weight,
        )

    def pairing(self, maps, corners, weights, divisor):
        """`pull_loss` and `push_loss` of maps of embeddings, [B, h, w, 1]."""
        del divisor
        embeddings = [at(maps[f"{c.name}_embedding"], c.cells)[..., 0] for c in corners]
        pull, push = embedding_losses(*embeddings, weights)
        return {"pull_loss": pull, "push_loss": push}


def embedding_losses(top_left, bottom_right, weights):
    """(pull, push) of embeddings [B, G]; objects of weight 0 take no part.

    Over replicas they add up to those of the whole batch.
    """
    real = tf.cast(weights > 0.0, tf.float32)
    objects = tf.reduce_sum(real, axis=1)
    images = sum_over_replicas(tf.reduce_sum(tf.cast(objects > 0.0, tf.float32)))
    images = tf.maximum(images, 1.0)
    means = (top_left + bottom_right) / 2.0
    spread = tf.square(top_left - means) + tf.square(bottom_right - means)
    pull = tf.reduce_sum(weights * spread, axis=1) / tf.maximum(objects, 1.0)
    apart = tf.abs(means[:, :, None] - means[:, None])
    pairs = weights[:, :, None] * weights[:, None]
    pairs = tf.linalg.set_diag(pairs, tf.zeros_like(weights))
    push = tf.reduce_sum(pairs * tf.nn.relu(MARGIN - apart), axis=[1, 2])
    push /= tf.maximum(objects * (objects - 1.0), 1.0)
    return tf.reduce_sum(pull) / images, tf.reduce_sum(push) / images

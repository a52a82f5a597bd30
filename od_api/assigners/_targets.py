"""What every assigner does before it looks at similarities."""

import tensorflow as tf

from od_api.core.types import prior_boxes

# Below every similarity, and finite, so that it can be compared and multiplied.
NEVER = tf.float32.min


def similarities(similarity, anchors, targets):
    """The similarity of every ground-truth box with every anchor.

    Args:
      similarity: callable [..., M, 4], [..., N, 4] -> [..., M, N].
      anchors: Priors, or boxes [A, 4] or [B, A, 4].
      targets: `Targets` with at least one row of boxes, see core's `trimmed`.

    Returns:
      [B, G, A] float32, NEVER in padding and ignored boxes, without a gradient.
    """
    values = similarity(targets.boxes, prior_boxes(anchors))
    values = tf.where(targets.objects[:, :, None], values, NEVER)
    return tf.stop_gradient(values)

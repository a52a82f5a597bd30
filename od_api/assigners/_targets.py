"""What every assigner does before it looks at similarities."""

import tensorflow as tf

from od_api.core.types import as_priors, prior_boxes

# Below every similarity, and finite, so that it can be compared and multiplied.
NEVER = tf.float32.min


def similarities(similarity, anchors, targets):
    """The similarity of every ground-truth box with every anchor.

    Args:
      similarity: callable [..., M, 4], [..., N, 4] -> [..., M, N]; one that
        `sees_priors` gets Priors in place of the second, and gives NEVER to pairs that
        are not to be matched, however few others there are.
      anchors: Priors, or boxes [A, 4] or [B, A, 4].
      targets: `Targets` with at least one row of boxes, see core's `trimmed`.

    Returns:
      [B, G, A] float32, NEVER in padding, in ignored boxes and at priors that are not
      valid, without a gradient.
    """
    sees_priors = getattr(similarity, "sees_priors", False)
    others = as_priors(anchors) if sees_priors else prior_boxes(anchors)
    values = similarity(targets.boxes, others)
    values = tf.where(targets.objects[:, :, None], values, NEVER)
    valid = as_priors(anchors).valid
    values = tf.where(valid[..., None, :], values, NEVER)
    return tf.stop_gradient(values)

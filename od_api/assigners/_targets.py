"""What every assigner does before it looks at similarities."""

import tensorflow as tf

# Below every similarity, and finite, so that it can be compared and multiplied.
NEVER = tf.float32.min


def similarities(similarity, anchors, targets):
    """The similarity of every ground-truth box with every anchor, padding never near.

    Args:
      similarity: callable [..., M, 4], [..., N, 4] -> [..., M, N].
      anchors: [A, 4] or [B, A, 4].
      targets: `Targets` with at least one row of boxes, see `at_least_one`.

    Returns:
      [B, G, A] float32, NEVER in padding; no gradient flows through it.
    """
    values = similarity(targets.boxes, anchors)
    values = tf.where(targets.valid[:, :, None], values, NEVER)
    return tf.stop_gradient(values)


def at_least_one(targets):
    """`targets` with a row of padding behind it where G may be 0.

    An argmax over no ground truth at all is an error in TensorFlow.
    """
    if targets.boxes.shape[1]:
        return targets
    return targets._replace(
        boxes=tf.pad(targets.boxes, [[0, 0], [0, 1], [0, 0]]),
        classes=tf.pad(targets.classes, [[0, 0], [0, 1]]),
        weights=tf.pad(targets.weights, [[0, 0], [0, 1]]),
        valid=tf.pad(targets.valid, [[0, 0], [0, 1]]),
    )

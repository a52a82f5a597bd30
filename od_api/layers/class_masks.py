"""The mask of one class out of those of all classes."""

import tensorflow as tf


def masks_of_classes(masks, classes):
    """Picks each region's mask of its class.

    Args:
      masks: [M, mh, mw, K], or [M, mh, mw, 1] where all classes share one mask.
      classes: [M] int32, 0-based.

    Returns:
      [M, mh, mw].
    """
    if masks.shape[-1] == 1:
        return masks[..., 0]
    return tf.gather(masks, classes, axis=3, batch_dims=1)

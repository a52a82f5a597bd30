"""What notebooks take of the old API's `utils.ops`."""

import numpy as np
import tensorflow as tf

from od_api.pictures.paste_masks import paste_masks


def reframe_box_masks_to_image_masks(
    box_masks, boxes, image_height, image_width, resize_method="bilinear"
):
    """Masks of the insides of boxes -> masks of the image; not for graphs.

    Args:
      box_masks: [N, mh, mw] probabilities.
      boxes: [N, 4], normalised.
      image_height, image_width: ints.
      resize_method: "bilinear" is the only one.

    Returns:
      [N, image_height, image_width] float32 tensor, 1 where the probability is above
      .5; the old API returned the probabilities, which callers then compare with .5.
    """
    if resize_method != "bilinear":
        raise ValueError(f"resize_method is {resize_method!r}; it must be 'bilinear'")
    size = np.array([image_height, image_width] * 2, np.float32)
    masks = paste_masks(
        np.asarray(box_masks), np.asarray(boxes) * size, (image_height, image_width)
    )
    return tf.constant(masks, tf.float32)

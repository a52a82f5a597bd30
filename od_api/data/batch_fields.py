"""What a batch holds, and which of it the network and its losses need.

    image           [B, H, W, 3] float32 in 0..255, zeros in the padding
    true_shape      [B, 2] int32, the image inside the padding
    original_shape  [B, 2] int32, the image in the file
    boxes           [B, G, 4] float32 in pixels of the padded image
    classes         [B, G] int32, 0-based
    weights         [B, G] float32; 0 in the padding
    valid, is_crowd, difficult  [B, G] bool
    area            [B, G] float32, square pixels in the file; evaluation only
    image_id        [B] int64
    source_id, filename  [B] string

and where they are asked for keypoints, `original_image` (padded to the largest), and

    masks           [B, G, H, W] uint8, 0 or 1
    mask_counts     [B, G] string, the packed run lengths (pictures/rle.py) of the
                    masks in the file, of original_shape; evaluation only
"""

import tensorflow as tf

from od_api.core.types import Targets

# Strings and bookkeeping stay on the host.
_NUMERIC = ("image", "true_shape", "boxes", "classes", "weights", "valid", "masks")


def numeric(batch):
    """The part of a batch that a step, or an evaluation, computes with."""
    return {name: batch[name] for name in _NUMERIC if name in batch}


def targets_of(batch):
    """The ground truth of a batch as `Targets`, with masks where the batch has them."""
    return Targets(
        boxes=tf.cast(batch["boxes"], tf.float32),
        classes=tf.cast(batch["classes"], tf.int32),
        weights=tf.cast(batch["weights"], tf.float32),
        valid=batch["valid"],
        true_shapes=batch["true_shape"],
        masks=batch.get("masks"),
    )
